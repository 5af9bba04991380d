/**
 * What does a POST cost relative to a plain Express route that inserts the same document with the same durability? The writer
 * checks a token, validates the body, stores it, and answers with ETag and position; the plain route parses and inserts. Both
 * run in their own process with one MongoDB. Measures CPU time of the server process per request in alternating rounds. `npm run --prefix benches writer-post`
 */
import { openTestDatabase } from '@freshet/testkit'
import { SignJWT } from 'jose'
import { cpus } from 'node:os'
import { ServerChild } from './reader-get/child.ts'
import { askOnce } from './reader-get/load.ts'
import { runLoad } from './writer-post/load.ts'
import { bodyOf, collection, secret } from './writer-post/world.ts'

const sizes = [300, 4_000]
const rounds = 9
const requestsARound = 3_000
const connections = 32

interface Contestant {
  readonly child: ServerChild
  readonly port: number
  readonly request: Buffer
  readonly answerBytes: number
  readonly microseconds: number[]
}

async function token(): Promise<string> {
  return await new SignJWT({ roles: ['shop'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('freshet')
    .setAudience('freshet')
    .setSubject('bench')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
}

function requestOf(path: string, body: string, bearer: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${bearer}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

async function measure(contestant: Contestant): Promise<number> {
  const { child, port, request, answerBytes } = contestant
  const cpu = async (): Promise<number> => {
    const { user, system } = (await child.ask({})) as NodeJS.CpuUsage
    return user + system
  }
  const before = await cpu()
  await runLoad({ port, request, connections, count: requestsARound, answerBytes })
  return ((await cpu()) - before) / requestsARound
}

async function enter(
  child: ServerChild,
  path: string,
  bodyBytes: number,
  bearer: string,
): Promise<Contestant> {
  const { port } = (await child.ask({ listen: true })) as { readonly port: number }
  const request = requestOf(path, bodyOf(bodyBytes), bearer)
  const sample = await askOnce(port, request)
  if (!sample.startsWith('HTTP/1.1 201 ')) throw new Error(`${child.name} answered ${sample.slice(0, 500)}`)
  return { child, port, request, answerBytes: Buffer.byteLength(sample, 'latin1'), microseconds: [] }
}

async function compare(uri: string, bodyBytes: number): Promise<void> {
  await using writer = new ServerChild('writer', '../writer-post/writer-server.ts', [uri])
  await using plain = new ServerChild('plain Express', '../writer-post/plain-server.ts', [uri])
  const bearer = await token()
  const contestants = [
    await enter(writer, `/v1/${collection}`, bodyBytes, bearer),
    await enter(plain, `/${collection}`, bodyBytes, bearer),
  ]
  for (const contestant of contestants) await measure(contestant)
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length]
      contestant?.microseconds.push(await measure(contestant))
    }
  const [ours = [], theirs = []] = contestants.map(({ microseconds }) => microseconds)
  const ratios = ours.map((us, round) => us / (theirs[round] ?? Number.NaN))
  console.log(`\n${bodyBytes} bytes of JSON`)
  for (const { child, microseconds } of contestants)
    console.log(`  ${child.name.padEnd(14)} ${median(microseconds).toFixed(0)} us of CPU time per request`)
  const range = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`
  console.log(`  writer / plain Express: ${median(ratios).toFixed(3)} (rounds: ${range})`)
}

await using database = await openTestDatabase()
const [cpu] = cpus()
console.log(`Node.js ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}`)
console.log(`${connections} connections, ${rounds} rounds of ${requestsARound} requests each, interleaved`)
for (const size of sizes) await compare(database.uriFor('writer'), size)
