import { BlockList, isIPv6 } from 'node:net'
import { at, listAt, type Manifest } from './manifests.ts'

type Labels = Readonly<Record<string, string>>

/**
 * A caller or receiver. Without labels, it is outside the pod network, like nodes and whatever runs in their network, and no
 * pod selector matches it.
 */
export interface Party {
  readonly pod: Labels | undefined
  readonly namespace: Labels
  /** Source address as seen by the receiver. */
  readonly address: string
}

/** A connection attempt. */
export interface Call {
  readonly from: Party
  readonly to: Party
  readonly port: number
  readonly protocol?: 'TCP' | 'UDP'
}

/**
 * Whether policies allow a call, by the rules of Kubernetes: a pod that is selected for a direction may do only what some
 * policy allows, and both ends must agree. https://kubernetes.io/docs/concepts/services-networking/network-policies/
 * Assumes that all selected pods are in the namespace of the policies.
 */
export function allows(policies: readonly Manifest[], call: Call): boolean {
  return (
    agrees(policies, call, 'Egress', call.from, 'egress', 'to', call.to) &&
    agrees(policies, call, 'Ingress', call.to, 'ingress', 'from', call.from)
  )
}

function agrees(
  policies: readonly Manifest[],
  call: Call,
  direction: 'Egress' | 'Ingress',
  own: Party,
  rules: 'egress' | 'ingress',
  peers: 'to' | 'from',
  other: Party,
): boolean {
  const mine = policies.filter(
    ({ spec }) =>
      listAt(spec, 'policyTypes').includes(direction) &&
      own.pod !== undefined &&
      selects(at(spec, 'podSelector'), own.pod),
  )
  if (mine.length === 0) return true
  return mine.some(({ spec }) =>
    listAt(spec, rules).some(
      (rule) => portFits(listAt(rule, 'ports'), call) && peerFits(listAt(rule, peers), other),
    ),
  )
}

/** No ports means all ports. */
function portFits(ports: readonly unknown[], { port, protocol = 'TCP' }: Call): boolean {
  return (
    ports.length === 0 || ports.some((each) => at(each, 'port') === port && at(each, 'protocol') === protocol)
  )
}

/** No peers means everyone, including outside the cluster. */
function peerFits(peers: readonly unknown[], party: Party): boolean {
  if (peers.length === 0) return true
  return peers.some((peer) => {
    const { pod, namespace, address } = party
    // Kubernetes does not specify whether blocks match pod addresses; with some network plugins they do.
    const block = at(peer, 'ipBlock')
    if (block !== undefined) return isInBlock(block, address)
    if (pod === undefined) return false
    const inNamespace = at(peer, 'namespaceSelector')
    const ofPod = at(peer, 'podSelector')
    if (inNamespace === undefined && ofPod === undefined) return false
    return (
      (inNamespace === undefined || selects(inNamespace, namespace)) &&
      (ofPod === undefined || selects(ofPod, pod))
    )
  })
}

function isInBlock(block: unknown, address: string): boolean {
  return (
    isInRange(String(at(block, 'cidr')), address) &&
    !listAt(block, 'except').some((range) => isInRange(String(range), address))
  )
}

function isInRange(range: string, address: string): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  const [net = '', prefix = ''] = range.split('/')
  if (isIPv6(net) !== isIPv6(address)) return false
  const list = new BlockList()
  list.addSubnet(net, Number(prefix), family)
  return list.check(address, family)
}

function selects(selector: unknown, labels: Labels): boolean {
  const wanted = at(selector, 'matchLabels') ?? {}
  return (
    Object.entries(wanted).every(([key, value]) => labels[key] === value) &&
    listAt(selector, 'matchExpressions').every((expression) => holds(expression, labels))
  )
}

function holds(expression: unknown, labels: Labels): boolean {
  const value = labels[String(at(expression, 'key'))]
  const values = listAt(expression, 'values')
  switch (at(expression, 'operator')) {
    case 'In':
      return values.includes(value)
    case 'NotIn':
      return !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default:
      throw new Error(`unknown operator in ${JSON.stringify(expression)}`)
  }
}
