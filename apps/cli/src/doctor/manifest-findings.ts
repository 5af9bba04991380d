import { deliveryHeap } from '@freshet/delivery/heap'
import { readerHeap } from '@freshet/reader/heap'
import { peekOption } from '@freshet/kit'
import { heapFlagsOf } from '@freshet/service/start'
import { serviceOptions } from '@freshet/service/options'
import { writerHeap } from '@freshet/writer/heap'
import { parseAllDocuments } from 'yaml'
import { fieldAt, objectIn, type Fields } from '../service-reading.ts'
import { ok, todo, type Checked } from './finding.ts'

const MiB = 2 ** 20
const heaps = { reader: readerHeap, writer: writerHeap, delivery: deliveryHeap } as const

/** Besides the heap and what is in flight, as in docs/operations.md. */
const besidesMiB = 150

/** A Deployment of one of the services. */
interface Workload {
  readonly app: keyof typeof heaps
  readonly name: string
  readonly pod: Fields
  readonly container: Fields
  /** Options from `env`, and from the command line. */
  readonly env: Readonly<Record<string, string>>
  readonly argv: readonly string[]
}

/** Findings about rendered manifests (`kubectl kustomize`, `helm template`): memory and probes. @throws {Error} not YAML. */
export function manifestFindings(text: string): readonly Checked[] {
  const objects = parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return objectIn(document.toJS())
  })
  const workloads = objects.flatMap(workloadsIn)
  if (workloads.length === 0)
    return [
      todo(
        'fault',
        'workloads',
        `none of ${objects.length} objects is a Deployment with a container named reader, writer or delivery`,
        'Pass what `kubectl kustomize OVERLAY` or `helm template` prints.',
      ),
    ]
  return workloads.flatMap((workload) => [
    memoryFinding(workload),
    ...probeFindings(workload),
    graceFinding(workload),
    linksFinding(workload),
  ])
}

function workloadsIn(object: Fields): readonly Workload[] {
  if (object['kind'] !== 'Deployment') return []
  const pod = objectIn(fieldAt(object, 'spec', 'template', 'spec'))
  return listIn(pod['containers']).flatMap((each) => {
    const container = objectIn(each)
    const app = container['name']
    if (app !== 'reader' && app !== 'writer' && app !== 'delivery') return []
    const env = Object.fromEntries(
      listIn(container['env']).map((variable) => [
        String(fieldAt(variable, 'name')),
        textOf(fieldAt(variable, 'value')),
      ]),
    )
    const argv = [...listIn(container['command']), ...listIn(container['args'])].map(String)
    return [{ app, name: String(fieldAt(object, 'metadata', 'name')), pod, container, env, argv }]
  })
}

function memoryFinding({ app, name, container, env, argv }: Workload): Checked {
  const subject = `${name}: memory`
  const limitMiB = quantityMiB(fieldAt(container, 'resources', 'limits', 'memory'))
  const flags = [...argv, ...heapFlagsOf(heaps[app], { argv, env, readFile })]
  const heapMiB = Number(flags.find((flag) => flag.startsWith('--max-old-space-size='))?.split('=')[1])
  const inFlightMiB = (peekOption(serviceOptions.inFlightBytes, { argv, env, readFile }) ?? 0) / MiB
  const needed = Math.ceil(heapMiB + inFlightMiB + besidesMiB)
  const seen = `heap ${heapMiB} + in flight ${inFlightMiB} + ${besidesMiB} = ${needed} MiB; limit ${limitMiB ?? 'none'}`
  if (limitMiB === undefined)
    return todo(
      'warning',
      subject,
      seen,
      `Set resources.limits.memory to ${needed}Mi: without it, a fault of one pod takes the memory of others.`,
    )
  return limitMiB < needed
    ? todo(
        'fault',
        subject,
        seen,
        `Set resources.limits.memory to ${needed}Mi or more, or lower the options of the service.`,
      )
    : ok(subject, seen)
}

/** Files of the container are not here. */
const readFile = (path: string): string => {
  throw new Error(`${path} is in the container`)
}

interface ProbeRule {
  /** The best first. */
  readonly paths: readonly [string, ...string[]]
  /** How long failures are tolerated, in seconds, at least. */
  readonly minS: number
  readonly why: string
}

const probes: Readonly<Record<string, ProbeRule>> = {
  startupProbe: {
    // `/startupz` waits for the database, so a long outage restarts pods that have nothing else wrong with them.
    paths: ['/livez', '/startupz'],
    minS: 30,
    why: 'A pod that starts slowly is restarted.',
  },
  readinessProbe: { paths: ['/readyz'], minS: 2, why: 'Pods that cannot answer get requests.' },
  livenessProbe: {
    paths: ['/livez'],
    minS: 10,
    why: 'An outage of the database or a busy moment restarts every pod, and their caches are empty.',
  },
}

function probeFindings({ name, container }: Workload): readonly Checked[] {
  return Object.entries(probes).map(([key, { paths, minS, why }]) => {
    const [path] = paths
    const subject = `${name}: ${key}`
    const probe = container[key]
    if (probe === undefined)
      return todo('fault', subject, 'missing', `Add it: GET ${path} on the management port. ${why}`)
    const found = fieldAt(probe, 'httpGet', 'path')
    // https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe has the defaults.
    const toleratedS =
      Number(fieldAt(probe, 'periodSeconds') ?? 10) * Number(fieldAt(probe, 'failureThreshold') ?? 3)
    const seen = `GET ${String(found)}, fails after ${toleratedS} s`
    if (!paths.includes(String(found)))
      return todo('fault', subject, seen, `Use GET ${path} on the management port. ${why}`)
    return toleratedS < minS
      ? todo('warning', subject, seen, `Let periodSeconds times failureThreshold be ${minS} or more. ${why}`)
      : ok(subject, seen)
  })
}

function graceFinding({ name, pod, env, argv }: Workload): Checked {
  const subject = `${name}: termination`
  const graceS = Number(pod['terminationGracePeriodSeconds'] ?? 30)
  const from = { argv, env, readFile }
  const drainS = (peekOption(serviceOptions.drainMs, from) ?? 0) / 1_000
  const stopS = (peekOption(serviceOptions.stopWithinMs, from) ?? 0) / 1_000
  const seen = `grace period ${graceS} s; drain ${drainS} s + stop ${stopS} s`
  if (graceS < drainS + stopS + 5)
    return todo(
      'fault',
      subject,
      seen,
      `Set terminationGracePeriodSeconds to ${drainS + stopS + 5}, or running requests are cut.`,
    )
  return drainS === 0
    ? todo(
        'warning',
        subject,
        seen,
        'Set FRESHET_DRAIN to 5s: Services go on sending requests for some seconds after a pod was told to end.',
      )
    : ok(subject, seen)
}

function linksFinding({ name, pod }: Workload): Checked {
  const subject = `${name}: service links`
  return pod['enableServiceLinks'] === false
    ? ok(subject, 'off')
    : todo(
        'fault',
        subject,
        'on',
        'Set enableServiceLinks: false. Variables of Services named freshet-… look like options, and the process refuses to start.',
      )
}

const units: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: MiB,
  Gi: 2 ** 30,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  '': 1,
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function quantityMiB(value: unknown): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)?$/.exec(textOf(value)) ?? []
  return number === undefined ? undefined : Math.floor((Number(number) * (units[unit] ?? 1)) / MiB)
}

/** YAML has numbers without quotes too. */
const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
