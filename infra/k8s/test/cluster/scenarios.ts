import { eventually } from '@freshet/testkit'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kubectl } from './kubectl.ts'
import type { Counts, Load } from './load.ts'
import { expectNothingLost, told } from './report.ts'

/** An installed Freshet under load. */
export interface UnderLoad {
  readonly kubectl: Kubectl
  readonly load: Load
  /** The node with the database and the load; others may be drained and crash. */
  readonly home: string
  readonly others: readonly string[]
  /** Has the command `freshet`. */
  readonly image: string
  /** By their subject. */
  readonly tokens: Readonly<Record<string, string>>
}

/** How long the load goes on after an action. */
const settleMs = 15_000

/** The counts while something happens, and until it has settled. */
export async function during(load: Load, work: () => Promise<void>): Promise<Counts> {
  await load.take()
  await work()
  await sleep(settleMs)
  return load.take()
}

const readers = 'app.kubernetes.io/name=freshet-reader'
const all = 'app.kubernetes.io/part-of=freshet'

/** Rolls out a new version of each workload, one after the other. */
export function rollingUpdate(role: 'reader' | 'writer' | 'delivery') {
  return async ({ kubectl, load }: UnderLoad): Promise<string> =>
    expectNothingLost(await during(load, () => kubectl.restart(`freshet-${role}`)))
}

/** From two readers to six and back, with the autoscaler out of the way. */
export async function scaleUpAndDown({ kubectl, load }: UnderLoad): Promise<string> {
  const bounds = async (minReplicas: number, maxReplicas: number): Promise<void> =>
    kubectl.patch('hpa/freshet-reader', { spec: { minReplicas, maxReplicas } })
  const counts = await during(load, async () => {
    await bounds(6, 10)
    await readyReaders(kubectl, 6)
    await bounds(2, 2)
    await readyReaders(kubectl, 2)
  })
  await bounds(2, 10)
  return expectNothingLost(counts)
}

/** The autoscaler adds readers because of their CPU, and removes them again. */
export async function autoscale({ kubectl, load }: UnderLoad): Promise<string> {
  const target = async (averageUtilization: number): Promise<void> =>
    kubectl.patch('hpa/freshet-reader', {
      spec: {
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
          },
        ],
      },
    })
  let most = 2
  const counts = await during(load, async () => {
    // A small cluster cannot send enough to use 70 % of a processor.
    await target(15)
    await load.rate(300)
    await eventually(
      async () => {
        most = Math.max(most, await readyCount(kubectl))
        if (most < 3) throw new Error('the autoscaler has added no reader')
      },
      { withinMs: 300_000, everyMs: 1_000 },
    )
    await load.rate(100)
    await target(500)
    await readyReaders(kubectl, 2, 600_000)
  })
  await target(70)
  return `2 to ${most} to 2 readers; ${expectNothingLost(counts)}`
}

/** Empties a node, as before maintenance. */
export async function drain({ kubectl, load, others }: UnderLoad): Promise<string> {
  const [node = ''] = others
  const on = async (): Promise<number> =>
    (await kubectl.list('pods', all)).filter(({ spec }) => spec?.['nodeName'] === node).length
  const before = await on()
  const counts = await during(load, async () => {
    await kubectl.run(['drain', node, '--ignore-daemonsets', '--timeout=240s'], { withinMs: 250_000 })
    for (const role of ['reader', 'writer', 'delivery']) await kubectl.rolledOut(`freshet-${role}`)
  })
  const left = await on()
  await kubectl.run(['uncordon', node])
  if (before === 0 || left > 0)
    throw new Error(`expected pods to leave the node: ${before} before, ${left} after`)
  return `${before} pods left ${node}; ${expectNothingLost(counts)}`
}

/** Rotates the reader's credential: a second user, then the new address, then the pods. */
export async function rotateCredential({ kubectl, load }: UnderLoad): Promise<string> {
  const secret = await kubectl.get('secret', 'freshet-reader')
  const data: unknown = Reflect.get(secret, 'data')
  const encoded = String(Reflect.get(Object(data), 'mongodb-uri'))
  const address = Buffer.from(encoded, 'base64').toString()
  const next = address.replace(/\/\/([^:]+):[^@]+@/, (_, user: string) => {
    const [name = '', number = '1'] = user.split(/-(?=\d+$)/)
    return `//${name}-${Number(number) + 1}:${'0123456789abcdef'.repeat(2)}@`
  })
  const counts = await during(load, async () => {
    await kubectl.patch('secret/freshet-reader', { stringData: { 'mongodb-uri': next } })
    await migrateAgain(kubectl)
    await kubectl.restart('freshet-reader')
  })
  return expectNothingLost(counts)
}

/** Another size of the cache, and another collection file. */
export async function changeConfiguration({ kubectl, load }: UnderLoad): Promise<string> {
  const schema = { 'x-access': { read: 'public', write: 'authenticated' }, type: 'object' }
  const counts = await during(load, async () => {
    await kubectl.patch(
      'configmap/freshet-collections',
      { data: { 'notes.json': JSON.stringify(schema) } },
      'merge',
    )
    await migrateAgain(kubectl)
    await kubectl.restart('freshet-writer')
    await kubectl.run(['set', 'env', 'deployment/freshet-reader', 'FRESHET_CACHE_SIZE=200MiB'])
    await kubectl.rolledOut('freshet-reader')
  })
  return expectNothingLost(counts)
}

/** Runs the migration again, as after every change of the collection files or of a user. */
export async function migrateAgain(kubectl: Kubectl): Promise<void> {
  const overlay = await kubectl.run(['kustomize', join(import.meta.dirname, '../../overlays/try')])
  const job = overlay.split(/^---$/m).find((object) => /^kind: Job$/m.test(object))
  if (job === undefined) throw new Error('the overlay has no Job')
  await kubectl.run(['delete', 'job', 'freshet-migrate', '--ignore-not-found'])
  await kubectl.apply(job)
  await kubectl.run(['wait', '--for=condition=complete', 'job/freshet-migrate', '--timeout=120s'])
}

async function readyCount(kubectl: Kubectl): Promise<number> {
  const { status } = await kubectl.get('deployment', 'freshet-reader')
  return Number(status?.['readyReplicas'] ?? 0)
}

/** Waits until there are exactly this many readers, all of them ready. */
async function readyReaders(kubectl: Kubectl, count: number, withinMs = 300_000): Promise<void> {
  await eventually(
    async () => {
      const pods = await kubectl.list('pods', readers)
      const ready = await readyCount(kubectl)
      if (ready !== count || pods.length !== count)
        throw new Error(`expected ${count} readers, got ${ready} ready of ${pods.length}`)
    },
    { withinMs, everyMs: 500 },
  )
}

/** Without a time between "not ready" and the end, requests must be lost: the test would notice. */
export async function withoutDrain({ kubectl, load }: UnderLoad): Promise<string> {
  const set = (drain: string, stop: string): Promise<string> =>
    kubectl.run([
      'set',
      'env',
      'deployment/freshet-reader',
      `FRESHET_DRAIN=${drain}`,
      `FRESHET_STOP_WITHIN=${stop}`,
    ])
  await set('0s', '0s')
  await kubectl.rolledOut('freshet-reader')
  let lost: Counts | undefined
  // The window is short: it may need several restarts.
  for (let round = 1; round <= 3 && (lost?.lost ?? 0) === 0; round++)
    lost = await during(load, () => kubectl.restart('freshet-reader'))
  await set('5s', '10s')
  await kubectl.rolledOut('freshet-reader')
  if (lost === undefined || lost.lost === 0) throw new Error(`expected lost requests, got none`)
  return told(lost)
}

/** With a readiness that only says that the process lives, requests must be lost. */
export async function withLyingReadiness({ kubectl, load }: UnderLoad): Promise<string> {
  const { spec } = await kubectl.get('deployment', 'freshet-reader')
  const probe = { httpGet: { path: '/livez', port: 'management' }, periodSeconds: 1 }
  const patch = (probes: Readonly<Record<string, unknown>>): Promise<void> =>
    kubectl.patch('deployment/freshet-reader', {
      spec: { template: { spec: { containers: [{ name: 'reader', ...probes }] } } },
    })
  await patch({ readinessProbe: probe })
  await kubectl.rolledOut('freshet-reader')
  const counts = await during(load, () => kubectl.restart('freshet-reader'))
  const template: unknown = spec?.['template']
  const containers: unknown = Reflect.get(Object(Reflect.get(Object(template), 'spec')), 'containers')
  const [container]: readonly unknown[] = Array.isArray(containers) ? containers : []
  await patch({ readinessProbe: Reflect.get(Object(container), 'readinessProbe') })
  await kubectl.rolledOut('freshet-reader')
  if (counts.lost + counts.refused === 0) throw new Error('expected lost or refused requests, got none')
  // It may answer too early, but not wrongly.
  if (counts.wrong > 0) throw new Error(`${told(counts)}; ${counts.examples.join('; ')}`)
  return told(counts)
}
