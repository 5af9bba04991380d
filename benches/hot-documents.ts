/**
 * What do requests see while another program updates cached documents in place? A reader has 20,000 documents cached; a program
 * applies 1,000 `$inc` a second to random ones, and clients request random ones all the time. Counts the requests that needed a
 * database read of their own, and compares latencies with quiet rounds in between. `npm run --prefix benches hot-documents`
 */
import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { appCommand, openTestDatabase } from '@freshet/testkit'
import { median, printMachine, quantile, rangeOf } from './orders/figures.ts'

const documents = 20_000
const updatesPerSecond = 1_000
const requestsPerSecond = 2_000
const rounds = 5
const seconds = 5

const idOf = (n: number): string => `product-${n}`
const any = (): number => Math.floor(Math.random() * documents)

interface Answer {
  readonly via: string
  readonly ms: number
}

await using database = await openTestDatabase({ own: true, cacheSizeGb: 1 })
const products = database.admin.db(database.database).collection<{ _id: string }>('products')
await products.insertMany(
  Array.from({ length: documents }, (_, n) => ({ _id: idOf(n), name: 'x'.repeat(200), price: n, stock: 0 })),
)

const reader = spawn(
  process.execPath,
  [
    '--max-old-space-size=406',
    ...appCommand('reader'),
    '--port=0',
    '--management-port=0',
    '--database=shop',
    `--collections=${fileURLToPath(new URL('../collections', import.meta.url))}`,
    '--log-level=error',
  ],
  {
    env: {
      ...process.env,
      FRESHET_TOKEN_SECRET: 'a secret of at least 32 characters',
      FRESHET_MONGODB_URI: database.uriFor('reader'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
process.once('exit', () => reader.kill())
const base = await new Promise<string>((resolve) => {
  createInterface({ input: reader.stdout }).on('line', (line) => {
    const { msg, url }: Readonly<Record<string, unknown>> = JSON.parse(line)
    if (msg === 'listening') resolve(String(url))
  })
})

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

function get(path: string): Promise<Answer> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    request(`${base}${path}`, { agent }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${path}: ${response.statusCode}`))
        const via = String(response.headers['cache-status'])
        resolve({ via, ms: performance.now() - startedMs })
      })
    })
      .once('error', reject)
      .end()
  })
}

/** Calls `run` at a constant rate, whether or not earlier calls have ended. */
async function evenly<T>(perSecond: number, run: () => Promise<T>): Promise<readonly T[]> {
  const running: Promise<T>[] = []
  const began = performance.now()
  for (let n = 0; n < perSecond * seconds; n++) {
    const early = began + (n * 1_000) / perSecond - performance.now()
    if (early > 1) await sleep(early)
    running.push(run())
  }
  return await Promise.all(running)
}

const requests = (): Promise<readonly Answer[]> =>
  evenly(requestsPerSecond, () => get(`/v1/products/${idOf(any())}`))

/** In commands of ten, so that the program itself takes little of the machine. */
const updates = (): Promise<unknown> =>
  evenly(updatesPerSecond / 10, () =>
    products.bulkWrite(
      Array.from({ length: 10 }, () => ({
        updateOne: { filter: { _id: idOf(any()) }, update: { $inc: { stock: 1 } } },
      })),
      { ordered: false },
    ),
  )

for (let n = 0; n < documents; n += 200) {
  const ids = Array.from({ length: 200 }, (_, k) => idOf(n + k)).join()
  // The reader may not be ready at first.
  for (;;)
    try {
      await get(`/v1/products?ids=${ids}`)
      break
    } catch {
      await sleep(100)
    }
}

printMachine()
console.log(`${documents} documents, ${rounds} rounds of ${seconds} s, alternating`)
await requests()
const quiet: number[] = []
const ratios: number[] = []
let asked = 0
let misses = 0
for (let round = 0; round < rounds; round++) {
  const before = median((await requests()).map(({ ms }) => ms))
  const [answers] = await Promise.all([requests(), updates()])
  asked += answers.length
  misses += answers.filter(({ via }) => via.includes('fwd=miss') && !via.includes('collapsed')).length
  quiet.push(before)
  ratios.push(median(answers.map(({ ms }) => ms)) / before)
  console.log(
    `quiet p50 ${before.toFixed(2)} ms; ${updatesPerSecond} updates/s: p50 ${median(answers.map(({ ms }) => ms)).toFixed(2)} ms, p99 ${quantile(
      answers.map(({ ms }) => ms),
      0.99,
    ).toFixed(2)} ms`,
  )
}
console.log(
  `requests without a read of their own: ${(100 * (1 - misses / asked)).toFixed(2)} %, target 99; ` +
    `p50 ${median(ratios).toFixed(2)} of quiet (${rangeOf(ratios, 2)}), target 1.3`,
)

// All of them at once.
await products.updateMany({}, { $inc: { stock: 1 } })
const after = await requests()
const own = after.filter(({ via }) => via.includes('fwd=miss') && !via.includes('collapsed')).length
console.log(
  `after an updateMany of all: ${(100 * (1 - own / after.length)).toFixed(2)} % without a read of their own`,
)
reader.kill()
agent.destroy()
