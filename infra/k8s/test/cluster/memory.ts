import type { Kubectl } from './kubectl.ts'
import type { UnderLoad } from './scenarios.ts'

/** More than the cache of a reader, in documents of 500 kB. */
const documents = 600
const documentBytes = 500_000

/** In the pod of the load: `fill` writes all documents, `read` reads random ones for twenty seconds, some of them changed before. */
const script = `
const [, mode] = process.argv
const base = (role) => process.env[role] + '/v1/products/'
const body = (n) => JSON.stringify({ name: 'Large', price: n, stock: 1, text: String(n % 10).repeat(${documentBytes}) })
const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.TOKEN }
const put = (n) => fetch(base('WRITER') + 'large-' + n, { method: 'PUT', headers, body: body(n) })
const counts = {}
const tally = async (asked) => {
  const status = await asked.then(async (a) => { await a.arrayBuffer(); return a.status }, () => 'lost')
  counts[status] = (counts[status] ?? 0) + 1
}
const main = async () => {
  if (mode === 'fill') for (let n = 0; n < ${documents}; n += 4) await Promise.all([0, 1, 2, 3].map((m) => tally(put(n + m))))
  else for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const n = Math.floor(Math.random() * ${documents})
    if (n % 10 === 0) await tally(put(n))
    await Promise.all([0, 1, 2, 3].map((m) => tally(fetch(base('READER') + 'large-' + ((n + m) % ${documents})))))
  }
  console.log(JSON.stringify(counts))
}
main()`

/** A reader whose cache is full is read and changed for minutes. Its container is not killed for its memory. */
export async function fullCache({ kubectl }: UnderLoad, minutes: number): Promise<string> {
  const own = kubectl.in('freshet-load')
  const readers = 'app.kubernetes.io/name=freshet-reader'
  const before = await kubectl.restarts(readers)
  const filled = await own.run(['exec', 'load', '--', 'node', '-e', script, 'fill'], { withinMs: 600_000 })
  const total: Record<string, number> = {}
  const untilMs = performance.now() + minutes * 60_000
  do {
    const counts: Readonly<Record<string, number>> = JSON.parse(
      await own.exec('load', 'node', '-e', script, 'read'),
    )
    for (const [status, count] of Object.entries(counts)) total[status] = (total[status] ?? 0) + count
  } while (performance.now() < untilMs)
  const restarted = (await kubectl.restarts(readers)) - before
  const used = await kubectl
    .run(['top', 'pods', '--selector', readers, '--no-headers'])
    .catch(() => 'unknown')
  const memory = [...used.matchAll(/(\d+Mi)/g)].map(([, size]) => size).join(' and ')
  const evictions = await evictionsOf(kubectl, readers)
  const line =
    `filled ${filled.trim()}, ${minutes} min of reads ${JSON.stringify(total)}, memory ${memory}, ` +
    `evictions ${evictions.join(' and ')}, restarts ${restarted}`
  if (restarted > 0 || (total['lost'] ?? 0) > 0) throw new Error(line)
  if (evictions.every((count) => count === 0)) throw new Error(`${line}; no cache was full`)
  return line
}

/** How many documents each reader has evicted: none, if its cache was never full. */
async function evictionsOf(kubectl: Kubectl, labels: string): Promise<readonly number[]> {
  const script = `fetch('http://127.0.0.1:9090/metrics').then(async (a) => console.log(await a.text()))`
  const pods = await kubectl.list('pods', labels)
  const ready = pods.filter(({ status }) => status?.['phase'] === 'Running')
  const texts = await Promise.all(
    ready.map(({ metadata }) => kubectl.exec(metadata.name, 'node', '-e', script)),
  )
  return texts.map((text) => Number(/^freshet_replica_evictions_total\S* (\d+)/m.exec(text)?.[1] ?? 0))
}
