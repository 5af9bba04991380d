import { manifest } from './manifests.ts'
import type { Call, Party } from './network.ts'

/** The labels of the pods of a Deployment. */
const podOf = (name: string): Party => {
  const template: unknown = manifest('Deployment', name).spec['template']
  const { metadata } = template as { metadata: { labels: Record<string, string> } }
  return {
    pod: metadata.labels,
    namespace: { 'kubernetes.io/metadata.name': 'shop' },
    address: '10.244.1.9',
  }
}
const reader = podOf('freshet-reader')
const writer = podOf('freshet-writer')
const delivery = podOf('freshet-delivery')
const address = '10.244.2.7'
const client: Party = { pod: { app: 'shop' }, namespace: {}, address }
const database: Party = { pod: { 'freshet.dev/role': 'database' }, namespace: { any: 'where' }, address }
const names: Party = {
  pod: { 'k8s-app': 'kube-dns' },
  namespace: { 'kubernetes.io/metadata.name': 'kube-system' },
  address,
}
const collector: Party = {
  pod: { app: 'collector' },
  namespace: { 'freshet.dev/telemetry': 'true' },
  address,
}
const prometheus: Party = {
  pod: { app: 'prometheus' },
  namespace: { 'freshet.dev/monitoring': 'true' },
  address,
}
const internet: Party = { pod: undefined, namespace: {}, address: '203.0.113.7' }
const internet6: Party = { pod: undefined, namespace: {}, address: '2001:db8::7' }
/** A node or something in its network: a host-network ingress, a load balancer that routes through nodes. */
const node: Party = { pod: undefined, namespace: {}, address: '192.168.5.20' }
const balancer: Party = { pod: undefined, namespace: {}, address: '10.60.0.4' }
const ingress: Party = {
  pod: { 'app.kubernetes.io/name': 'ingress-nginx' },
  namespace: { 'kubernetes.io/metadata.name': 'ingress-nginx' },
  address,
}
const labelled: Party = { pod: { 'freshet.dev/writes': 'true' }, namespace: { any: 'where' }, address }

/** Connections, and whether they are allowed. */
export const calls: readonly [what: string, call: Call, allowed: boolean][] = [
  ['a reader to the writer', { from: reader, to: writer, port: 8080 }, false],
  ['a reader to the management of the writer', { from: reader, to: writer, port: 9090 }, false],
  ['a reader to another reader', { from: reader, to: reader, port: 8080 }, false],
  ['a reader to the database', { from: reader, to: database, port: 27017 }, true],
  ['a reader to another port of the database', { from: reader, to: database, port: 22 }, false],
  ['a reader to DNS', { from: reader, to: names, port: 53, protocol: 'UDP' }, true],
  ['a reader to telemetry', { from: reader, to: collector, port: 4317 }, true],
  ['a reader to another pod', { from: reader, to: client, port: 80 }, false],
  ['a reader to the internet', { from: reader, to: internet, port: 443 }, false],
  ['a client to a reader', { from: client, to: reader, port: 8080 }, true],
  ['the internet to a reader', { from: internet, to: reader, port: 8080 }, true],
  ['a client to the management of a reader', { from: client, to: reader, port: 9090 }, false],
  ['monitoring to the management of a reader', { from: prometheus, to: reader, port: 9090 }, true],
  ['a client to the writer', { from: client, to: writer, port: 8080 }, true],
  ['an ingress controller in a pod to the writer', { from: ingress, to: writer, port: 8080 }, true],
  // Allowed by components.
  ['a node to the writer', { from: node, to: writer, port: 8080 }, false],
  ['a load balancer to the writer', { from: balancer, to: writer, port: 8080 }, false],
  ['the internet to the writer', { from: internet, to: writer, port: 8080 }, false],
  ['the writer to a reader', { from: writer, to: reader, port: 8080 }, false],
  ['the writer to the database', { from: writer, to: database, port: 27017 }, true],
  ['the writer to the internet', { from: writer, to: internet, port: 443 }, false],
  ['monitoring to the management of the writer', { from: prometheus, to: writer, port: 9090 }, true],
]

/** The same for the component `messages`. */
export const deliveryCalls: readonly [what: string, call: Call, allowed: boolean][] = [
  ['a delivery to the writer', { from: delivery, to: writer, port: 8080 }, false],
  ['a delivery to the management of the writer', { from: delivery, to: writer, port: 9090 }, false],
  ['a delivery to a reader', { from: delivery, to: reader, port: 8080 }, false],
  ['a delivery to another delivery', { from: delivery, to: delivery, port: 8080 }, false],
  ['a delivery to the database', { from: delivery, to: database, port: 27017 }, true],
  ['a delivery to another port of the database', { from: delivery, to: database, port: 22 }, false],
  ['a delivery to DNS', { from: delivery, to: names, port: 53, protocol: 'UDP' }, true],
  ['a delivery to telemetry', { from: delivery, to: collector, port: 4317 }, true],
  ['a delivery to another pod', { from: delivery, to: client, port: 80 }, false],
  ['a delivery to the internet', { from: delivery, to: internet, port: 443 }, false],
  ['a client to a delivery', { from: client, to: delivery, port: 8080 }, true],
  ['a node to a delivery', { from: node, to: delivery, port: 8080 }, true],
  ['the internet to a delivery', { from: internet, to: delivery, port: 8080 }, true],
  ['a reader to a delivery', { from: reader, to: delivery, port: 8080 }, false],
  ['the writer to a delivery', { from: writer, to: delivery, port: 8080 }, false],
  ['a client to the management of a delivery', { from: client, to: delivery, port: 9090 }, false],
  ['monitoring to the management of a delivery', { from: prometheus, to: delivery, port: 9090 }, true],
]

/** A component for callers of the writer, with the range that an overlay would use instead of the example. */
export interface WriterCase {
  readonly component: string
  readonly range: string | undefined
  /** Additional allowed callers. */
  readonly may: readonly Party[]
  readonly mayNot: readonly Party[]
}

/** The example range in the components. https://datatracker.ietf.org/doc/html/rfc5737 */
export const exampleRange = '192.0.2.0/24'

export const writerCases: readonly WriterCase[] = [
  {
    component: 'writer-only-from-pods',
    range: undefined,
    may: [ingress, labelled],
    mayNot: [client, node, balancer, internet],
  },
  {
    component: 'writer-from-nodes',
    range: '192.168.5.0/24',
    may: [node, client, ingress],
    mayNot: [balancer, internet, internet6],
  },
  {
    component: 'writer-from-load-balancer',
    range: '10.60.0.0/24',
    may: [balancer, client, ingress],
    mayNot: [node, internet, internet6],
  },
  {
    component: 'writer-from-anywhere',
    range: undefined,
    may: [internet, internet6, client, ingress],
    mayNot: [node, balancer],
  },
]

export const parties = { reader, writer, delivery }
