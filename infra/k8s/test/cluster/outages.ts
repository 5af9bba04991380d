import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { eventually } from '@freshet/testkit'
import type { Kubectl } from './kubectl.ts'
import type { Counts, Load } from './load.ts'
import { listOf, podOf } from './pods.ts'
import { expectNothingLost, Skipped, told } from './report.ts'
import { during, type UnderLoad } from './scenarios.ts'

/** Runs in a pod with the administrator's address: connects to MongoDB. The driver is the one of the migration. */
const connectScript = `
const { readdirSync } = require('node:fs')
const store = '/app/node_modules/.pnpm'
const own = readdirSync(store).find((name) => name.startsWith('@freshet+migration@'))
const { MongoClient } = require(require.resolve('mongodb', { paths: [store + '/' + own + '/node_modules/@freshet/migration'] }))
const connect = (uri) => new MongoClient(uri, { serverSelectionTimeoutMS: 60000 }).db('admin')
const only = () => connect(process.env.ADMIN.replace(/replicaSet=[^&]*/, 'directConnection=true'))
const primary = () => connect(process.env.ADMIN)
`

/** A command for the only member, or for the primary. */
const commandScript = `${connectScript}
const [, server, command] = process.argv
const admin = server === 'only' ? only() : primary()
admin.command(JSON.parse(command)).then(
  () => process.exit(0),
  // A server that ends does not answer.
  (error) => { console.log(error.message); process.exit(0) },
)`

/** Makes a replica set of three members out of one. */
const addMembersScript = `${connectScript}
const main = async () => {
  const admin = only()
  for (const number of [1, 2]) {
    const { config } = await admin.command({ replSetGetConfig: 1 })
    const members = [...config.members, { _id: number, host: 'mongodb-' + number + '.mongodb:27017' }]
    await admin.command({ replSetReconfig: { ...config, version: config.version + 1, members } })
    for (;;) {
      const { members } = await admin.command({ replSetGetStatus: 1 })
      if (members.every(({ state }) => state === 1 || state === 2)) break
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })`

/** A pod that administers the database of the overlay \`try\`. */
export async function startOperator(kubectl: Kubectl, image: string, node: string): Promise<void> {
  const admin = { valueFrom: { secretKeyRef: { name: 'freshet-admin', key: 'mongodb-uri' } } }
  const labels = { 'app.kubernetes.io/part-of': 'freshet' }
  const command = ['node', '-e', 'setInterval(() => undefined, 1_000_000)']
  const env = [{ name: 'ADMIN', ...admin }]
  await kubectl.apply(listOf(podOf('operator', { image, node, labels, command, env, programs: false })))
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/operator', '--timeout=60s'])
}

/** Resolves with the refusal, if there is one. */
async function commandDatabase(
  kubectl: Kubectl,
  command: unknown,
  server: 'only' | 'primary' = 'only',
): Promise<string> {
  const printed = await kubectl.exec('operator', 'node', '-e', commandScript, server, JSON.stringify(command))
  return printed.trim()
}

const services = 'app.kubernetes.io/name in (freshet-reader,freshet-writer,freshet-delivery)'

/** The primary steps down, and for ten seconds there is none. */
export async function stepDown({ kubectl, load }: UnderLoad): Promise<string> {
  return outage(kubectl, load, async () => {
    await commandDatabase(kubectl, { replSetStepDown: 10, secondaryCatchUpPeriodSecs: 0, force: true })
  })
}

/** With three members, the primary hands over to another one, three times. */
export async function stepDownOfThree({ kubectl, load }: UnderLoad): Promise<string> {
  await kubectl.run(['scale', 'statefulset/mongodb', '--replicas=3'])
  await kubectl.run(['rollout', 'status', 'statefulset/mongodb', '--timeout=180s'], { withinMs: 190_000 })
  await kubectl.run(['exec', 'operator', '--', 'node', '-e', addMembersScript], { withinMs: 180_000 })
  await recovered(load)
  const before = await kubectl.restarts(services)
  const counts = await during(load, async () => {
    for (let round = 1; round <= 3; round++) {
      // Without force, and repeated until a secondary was close enough to be elected at once. The last primary may be elected again.
      await eventually(
        async () => {
          const refusal = await commandDatabase(kubectl, { replSetStepDown: 10 }, 'primary')
          if (refusal !== '') throw new Error(refusal)
        },
        { withinMs: 60_000, everyMs: 1_000 },
      )
      await new Promise((resolve) => setTimeout(resolve, 10_000))
    }
  })
  const restarted = (await kubectl.restarts(services)) - before
  const line = `${told(counts)}; restarts ${restarted}`
  if (counts.lost + counts.wrong + counts.streams.missing + counts.streams.gaps + restarted > 0)
    throw new Error(`${line}; ${counts.examples.join('; ')}`)
  return `${line}; afterwards ${expectNothingLost(await recovered(load), 500)}`
}

/**
 * MongoDB ends three times. The kubelet restarts it at once, then after about ten seconds, then after about twenty, and the data
 * stays since the pod does.
 */
export async function databaseOutage({ kubectl, load }: UnderLoad): Promise<string> {
  return outage(kubectl, load, async () => {
    for (let round = 1; round <= 3; round++) {
      const before = await kubectl.restarts('app.kubernetes.io/name=mongodb')
      await commandDatabase(kubectl, { shutdown: 1, force: true, timeoutSecs: 0 })
      await eventually(
        async () => {
          const after = await kubectl.restarts('app.kubernetes.io/name=mongodb')
          if (after === before) throw new Error('MongoDB has not been restarted')
        },
        { everyMs: 500 },
      )
    }
  })
}

/** Cached documents are answered throughout, everything else is refused with the reason, and nothing restarts. */
async function outage(kubectl: Kubectl, load: Load, work: () => Promise<void>): Promise<string> {
  const before = await kubectl.restarts(services)
  const counts = await during(load, work)
  const restarted = (await kubectl.restarts(services)) - before
  const { plain = {} } = counts.kinds
  const hits = plain['200'] ?? 0
  const others = Object.entries(plain).reduce(
    (sum, [status, count]) => sum + (status === '200' ? 0 : count),
    0,
  )
  const line = `${told(counts)}; plain reads ${JSON.stringify(plain)}, restarts ${restarted}`
  const { missing, gaps } = counts.streams
  if (
    counts.lost + counts.wrong + missing + gaps + restarted > 0 ||
    counts.refused === 0 ||
    others > 0.1 * hits
  )
    throw new Error(`${line}; ${counts.examples.join('; ')}`)
  // Then everything works again.
  return `${line}; afterwards ${expectNothingLost(await recovered(load), 500)}`
}

/** The counts of ten seconds in which nothing is refused any more. */
async function recovered(load: Load): Promise<Counts> {
  await eventually(
    async () => {
      await load.take()
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      const { refused, lost } = await load.take()
      if (refused + lost > 0) throw new Error('requests are still refused')
    },
    { withinMs: 60_000, everyMs: 100 },
  )
  return during(load, async () => undefined)
}

const shell = promisify(execFile)

/**
 * A node stops without a word. Only requests to that node may be lost, and only until Kubernetes has noticed. For two minutes more, Linux
 * (conntrack) leads a new connection to the node if an unanswered one had the same port. Killing a node is different in each cluster:
 * CLUSTER_CRASH_NODE and CLUSTER_RESTORE_NODE are commands, which get its name.
 */
export async function crashNode({ kubectl, load, others }: UnderLoad): Promise<string> {
  const { CLUSTER_CRASH_NODE: crash, CLUSTER_RESTORE_NODE: restore } = process.env
  const [node = ''] = others
  if (!crash || !restore) throw new Skipped('CLUSTER_CRASH_NODE and CLUSTER_RESTORE_NODE are not set')
  await load.take()
  await shell('sh', ['-c', `${crash} "$0"`, node])
  await eventually(
    async () => {
      if (await isReady(kubectl, node)) throw new Error('the node is still Ready')
    },
    { everyMs: 500 },
  )
  const lost = await load.take()
  // Connections that were open wait for their timeout.
  const open = await during(load, async () => undefined)
  const after = await during(load, async () => undefined)
  await shell('sh', ['-c', `${restore} "$0"`, node], { timeout: 120_000 })
  await eventually(
    async () => {
      if (!(await isReady(kubectl, node))) throw new Error('the node is not Ready again')
    },
    { everyMs: 500 },
  )
  for (const role of ['reader', 'writer', 'delivery']) await kubectl.rolledOut(`freshet-${role}`)
  const again = ({ lostFrom }: Counts, ...earlier: readonly Counts[]): number => {
    const ports = new Set(earlier.flatMap((counts) => counts.lostFrom))
    return lostFrom.filter((from) => /:\d+$/.test(from) && ports.has(from)).length
  }
  const repeated = again(after, lost, open)
  const line =
    `until the node was NotReady ${told(lost)}; then ${told(open)}, ${again(open, lost)} of the lost from ports of earlier ones; ` +
    `afterwards ${told(after)}, ${repeated} of the lost from ports of earlier ones`
  const { missing, gaps } = after.streams
  if (lost.wrong + open.wrong + (after.lost - repeated) + after.wrong + missing + gaps > 0)
    throw new Error(`${line}; ${after.examples.join('; ')}`)
  return line
}

async function isReady(kubectl: Kubectl, node: string): Promise<boolean> {
  const { status } = await kubectl.get('node', node)
  const conditions = status?.['conditions']
  return (
    Array.isArray(conditions) &&
    conditions.some(
      ({ type, status: state }: { type: string; status: string }) => type === 'Ready' && state === 'True',
    )
  )
}
