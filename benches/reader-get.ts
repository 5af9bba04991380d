/**
 * How fast is a cache hit of the reader, including the token check, relative to a bare node:http server? Both run in their own
 * process and send the same bytes and headers. Measures CPU time of the server process per request in alternating rounds. `npm run --prefix benches reader-get`
 */
import { SignJWT } from 'jose'
import { cpus } from 'node:os'
import { ServerChild } from './reader-get/child.ts'
import { askOnce, runLoad } from './reader-get/load.ts'
import { collection, documents, idOf, secret, type Answer } from './reader-get/world.ts'

const sizes = [500, 4_000, 100_000]
const rounds = 9
const requestsARound = 20_000
const connections = 32

/** Headers that Node.js writes itself, or that change over time. */
const own = new Set(['date', 'connection', 'keep-alive'])

interface Listening {
  readonly port: number
  readonly entryOverheadBytes?: number
}

interface Contestant {
  readonly child: ServerChild
  readonly port: number
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

function headOf(text: string): readonly (readonly [string, string])[] {
  const lines = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1)
  return lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const)
}

function answerOf(text: string, bodyBytes: number): Answer {
  const head = headOf(text).filter(([name]) => !own.has(name.toLowerCase()))
  return { head: head.flat(), bodyBytes }
}

function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

/** The head without values that differ between answers. */
function comparable(text: string): string {
  const moving = new Set(['date', 'freshet-position'])
  return headOf(text)
    .map(([name, value]) => `${name}: ${moving.has(name.toLowerCase()) ? '…' : value}`)
    .sort()
    .join('\n')
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

async function measure(
  contestant: Contestant,
  requests: readonly Buffer[],
  answerBytes: number,
): Promise<number> {
  const cpu = async (): Promise<number> => {
    const { user, system } = (await contestant.child.ask({})) as NodeJS.CpuUsage
    return user + system
  }
  const before = await cpu()
  await runLoad({ port: contestant.port, requests, connections, count: requestsARound, answerBytes })
  return ((await cpu()) - before) / requestsARound
}

async function compare(bodyBytes: number): Promise<void> {
  await using readerChild = new ServerChild('reader', 'reader-server.ts', [String(bodyBytes)])
  await using textChild = new ServerChild('bare, text', 'bare-server.ts', ['text'])
  await using bufferChild = new ServerChild('bare, buffer', 'bare-server.ts', ['buffer'])

  const bearer = await token()
  const requests = Array.from({ length: documents }, (_, index) =>
    Buffer.from(
      `GET /v1/${collection}/${idOf(index)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${bearer}\r\n\r\n`,
    ),
  )
  const [first = Buffer.alloc(0)] = requests
  const listening = (await readerChild.ask({ listen: true })) as Listening
  const sample = await askOnce(listening.port, first)
  const contestants: Contestant[] = [{ child: readerChild, port: listening.port, microseconds: [] }]
  for (const child of [textChild, bufferChild]) {
    const { port } = (await child.ask({ answer: answerOf(sample, bodyBytes) })) as Listening
    const answer = await askOnce(port, first)
    if (comparable(answer) !== comparable(sample) || bodyOf(answer) !== bodyOf(sample))
      throw new Error(`the answers differ:\n${comparable(answer)}\n\n${comparable(sample)}`)
    contestants.push({ child, port, microseconds: [] })
  }

  for (const contestant of contestants) await measure(contestant, requests, sample.length)
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < contestants.length; turn++) {
      const contestant = contestants[(turn + round) % contestants.length]
      contestant?.microseconds.push(await measure(contestant, requests, sample.length))
    }

  const [reader, ...bare] = contestants
  const bareUs = Array.from({ length: rounds }, (_, round) =>
    Math.min(...bare.map(({ microseconds }) => microseconds[round] ?? Number.NaN)),
  )
  const ratios = bareUs.map((us, round) => us / (reader?.microseconds[round] ?? Number.NaN))
  console.log(`\n${bodyBytes} bytes of JSON, ${sample.length} with the head`)
  for (const { child, microseconds } of contestants)
    console.log(`  ${child.name.padEnd(14)} ${median(microseconds).toFixed(2)} us of CPU time per request`)
  const range = `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`
  console.log(`  reader / the faster bare server: ${median(ratios).toFixed(3)} (rounds: ${range})`)
  if (listening.entryOverheadBytes !== undefined)
    console.log(`  an entry takes its document + ${listening.entryOverheadBytes.toFixed(0)} bytes`)
}

const [cpu] = cpus()
console.log(`Node.js ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}`)
console.log(`${connections} connections, ${rounds} rounds of ${requestsARound} requests each, interleaved`)
for (const size of sizes) await compare(size)
