import { eventually } from '@freshet/testkit'
import type { Kubectl } from './kubectl.ts'
import { listOf } from './pods.ts'

/** A reader that cannot start: what is changed, and the state that it must end in. */
interface FailingStart {
  readonly name: string
  readonly secret?: { readonly from: string; readonly change?: (address: string) => string }
  readonly collections?: string
  /** What must be in the reason of `kubectl describe pod`, or in the last line of the log. */
  readonly reason: RegExp
  readonly state: 'exits with 78' | 'is not created' | 'waits'
}

const failingStarts: readonly FailingStart[] = [
  { name: 'rights', secret: { from: 'freshet-writer' }, reason: /PRIVILEGE/, state: 'exits with 78' },
  {
    name: 'password',
    secret: { from: 'freshet-reader', change: (address) => address.replace(/:[^:@]+@/, ':wrong@') },
    reason: /unknown user or wrong password/,
    state: 'exits with 78',
  },
  {
    name: 'collections',
    collections: 'missing-collections',
    reason: /configmap "missing-collections" not found/,
    state: 'is not created',
  },
  {
    name: 'database',
    secret: {
      from: 'freshet-reader',
      change: (address) => address.replace(/@[^/]+/, '@nowhere.invalid:27017'),
    },
    reason: /the database is unreachable, retrying/,
    state: 'waits',
  },
]

/** Starts readers that cannot become ready, and reads the reason where docs/kubernetes.md says that it is. */
export async function failingStartsEnd(kubectl: Kubectl): Promise<string> {
  const { spec } = await kubectl.get('deployment', 'freshet-reader')
  const template = field(field(spec, 'template'), 'spec')
  const found: string[] = []
  for (const start of failingStarts) {
    const name = `start-${start.name}`
    await kubectl.run(['delete', 'pod,secret', name, '--ignore-not-found'])
    if (start.secret) await copySecret(kubectl, name, start.secret)
    await kubectl.apply(listOf(podOf(name, template, start)))
    found.push(
      `${start.name} ${start.state}: ${await eventually(() => reasonOf(kubectl, name, start), { withinMs: 90_000, everyMs: 500 })}`,
    )
    await kubectl.run(['delete', 'pod', name, '--wait=false'])
  }
  return found.join('; ')
}

const roles = ['reader', 'writer', 'delivery']

/**
 * Services that start before the migration has created their users exit with 78 and the documented reason, and then start: MongoDB
 * answers an unknown user and a wrong password alike, so they cannot wait for one and not for the other.
 */
export async function earlyStartsRecovered(kubectl: Kubectl): Promise<string> {
  let restarts = 0
  for (const role of roles)
    for (const pod of await kubectl.list('pods', `app.kubernetes.io/name=freshet-${role}`)) {
      const { name } = pod.metadata
      const statuses = field(pod.status, 'containerStatuses')
      const [status]: readonly unknown[] = Array.isArray(statuses) ? statuses : []
      if (field(status, 'ready') !== true) throw new Error(`${name} is not ready`)
      const ended = field(field(status, 'lastState'), 'terminated')
      if (ended === undefined) continue
      restarts += Number(field(status, 'restartCount'))
      if (
        field(ended, 'exitCode') !== 78 ||
        !/unknown user or wrong password/.test(String(field(ended, 'message')))
      )
        throw new Error(`${name} ended with ${JSON.stringify(ended)}`)
    }
  return `all pods are ready; ${restarts} starts before the migration ended with 78`
}

/** The pods of each service are on different nodes, so that the crash of one stops none of them. */
export async function spreadOverNodes(kubectl: Kubectl): Promise<string> {
  const found: string[] = []
  for (const role of roles) {
    const pods = await kubectl.list('pods', `app.kubernetes.io/name=freshet-${role}`)
    const nodes = pods.map(({ spec }) => String(spec?.['nodeName']))
    if (new Set(nodes).size < 2) throw new Error(`all pods of ${role} are on ${nodes.join()}`)
    found.push(`${role} on ${nodes.toSorted().join()}`)
  }
  return found.join('; ')
}

async function copySecret(
  kubectl: Kubectl,
  name: string,
  { from, change = (address) => address }: NonNullable<FailingStart['secret']>,
): Promise<void> {
  const data = Object(field(await kubectl.get('secret', from), 'data'))
  const address = Buffer.from(String(data['mongodb-uri']), 'base64').toString()
  const stringData = { 'mongodb-uri': change(address) }
  await kubectl.apply(
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data, stringData }),
  )
}

function podOf(name: string, template: unknown, { secret, collections }: FailingStart): unknown {
  const volumes = listOfVolumes(template).map((volume) => {
    if (volume.name === 'secrets' && secret) return { name: 'secrets', secret: { secretName: name } }
    if (volume.name === 'collections' && collections !== undefined)
      return { name: 'collections', configMap: { name: collections } }
    return volume
  })
  // The label opens the database to it; it belongs to no Service.
  const labels = { 'app.kubernetes.io/part-of': 'freshet' }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: { ...Object(template), volumes } }
}

/** The documented reason. @throws while the pod is in another state. */
async function reasonOf(kubectl: Kubectl, name: string, { state, reason }: FailingStart): Promise<string> {
  const pod = await kubectl.get('pod', name)
  const statuses = field(pod.status, 'containerStatuses')
  const [status]: readonly unknown[] = Array.isArray(statuses) ? statuses : []
  if (field(status, 'ready') === true) throw new Error(`${name} is ready`)
  const text = await textOf(kubectl, name, state, status)
  const line = text.split('\n').find((each) => reason.test(each))
  if (line === undefined) throw new Error(`expected ${String(reason)} for ${name}, got ${text.slice(-400)}`)
  return line.trim().slice(0, 160)
}

async function textOf(
  kubectl: Kubectl,
  name: string,
  state: FailingStart['state'],
  status: unknown,
): Promise<string> {
  if (state === 'is not created') return kubectl.run(['describe', 'pod', name])
  if (state === 'waits') {
    if (field(status, 'restartCount') !== 0) throw new Error(`${name} was restarted`)
    return kubectl.run(['logs', name, '--tail=1'])
  }
  const ended = [field(status, 'state'), field(status, 'lastState')].map((each) => field(each, 'terminated'))
  if (!ended.some((each) => field(each, 'exitCode') === 78)) throw new Error(`${name} has not exited with 78`)
  return kubectl.run(['describe', 'pod', name])
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function listOfVolumes(template: unknown): readonly { readonly name: string }[] {
  const volumes = field(template, 'volumes')
  return Array.isArray(volumes) ? volumes : []
}
