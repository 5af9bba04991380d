/**
 * Steady load from a pod outside Freshet's namespace, half through the gate and half through the Services. Each client owns one
 * document, so it knows what every answer must say: it reads its own writes with the position of the latest. Nothing is repeated:
 * a request without an answer is lost. `GET /take` on port 9000 returns the counts since the last one.
 */
import { Agent, createServer, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventStreams } from './streams.mjs'

const { GATE, TOKEN, SENDER_TOKEN, RECEIVER_TOKEN, CLIENTS = '20', STREAMS = '10' } = process.env
const run = Math.random().toString(36).slice(2, 8)
/** Long enough for a machine that is busy with everything else: what counts is whether there is an answer. */
const timeoutMs = 60_000
let perSecond = Number(process.env.RATE ?? 100)

const kept = new Agent({ keepAlive: true, maxSockets: 4 })
const fresh = new Agent({ keepAlive: false })
let counts
const reset = () =>
  (counts = { sent: 0, answered: 0, lost: 0, wrong: 0, refused: 0, kinds: {}, examples: [], lostFrom: [] })
reset()
/** What is lost or wrong comes first. It belongs to the counts that its request was sent under. */
const example = (taken, text) => (taken.examples = [text, ...taken.examples.slice(0, 99)])

/** Resolves with status, headers and text. Rejects if there is no complete answer. */
function send(url, { method = 'GET', headers = {}, body, agent = fresh } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent, timeout: timeoutMs }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }))
      answer.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    let port
    // The port is known as soon as the socket connects, and no longer after an error.
    asked.on('socket', (socket) => setImmediate(() => (port = socket.localPort)))
    asked.on('error', (error) => reject(Object.assign(error, { from: `load:${port}` }))).end(body)
  })
}

/**
 * A refusal is an honest answer: it names its problem, and says that nothing was done or that the outcome is unknown. A write that meets
 * others for too long is `busy`, and a process that is starved of its processor has not read a request in time.
 */
const isRefusal = ({ status, text }) =>
  status >= 500 ? text.includes('/problems/') : /\/problems\/(busy|request-timeout)"/.test(text)

/** Sends and counts one request. Resolves with the answer, or `undefined` if it was lost. `judge` returns what is wrong. */
async function one(kind, url, options, judge) {
  const taken = counts
  const tally = (taken.kinds[kind] ??= {})
  taken.sent += 1
  const told = (what) => (tally[what] = (tally[what] ?? 0) + 1)
  let answered = false
  try {
    const answer = await send(url, options)
    answered = true
    taken.answered += 1
    told(answer.status)
    if (isRefusal(answer)) {
      taken.refused += 1
      if (taken.examples.length < 100)
        taken.examples.push(`${kind} ${answer.status} ${answer.text.slice(0, 300)}`)
      return answer
    }
    if (answer.status >= 500) {
      const [, from] = /from (gate:\d+)/.exec(answer.text) ?? []
      throw Object.assign(new Error(`${answer.status} ${answer.text.slice(0, 120)}`), { from })
    }
    const fault = judge(answer)
    if (fault !== undefined) {
      taken.wrong += 1
      example(taken, `wrong ${kind}: ${fault}`)
    }
    return answer
  } catch (error) {
    if (answered) taken.answered -= 1
    taken.lost += 1
    // Without a ready pod, the Service refuses connections: nothing was sent.
    const refused = error.code === 'ECONNREFUSED' || error.message.includes('gate: ECONNREFUSED')
    told(refused ? 'unserved' : 'lost')
    taken.lostFrom.push(error.from ?? 'unknown')
    example(
      taken,
      `lost ${kind} ${url} from ${error.from}: ${error.code ?? error.message} at ${new Date().toISOString().slice(11, 23)}`,
    )
    return undefined
  }
}

const service = (role) => process.env[role.toUpperCase()]
const json = { 'content-type': 'application/json' }

/** One client: its document, the value it must have, and the latest position that it has seen. */
class Client {
  #id
  #acknowledged = 0
  /** Values that the document may have: more than one while a write has no answer. */
  #possible = new Set()
  /** Values of writes whose outcome is unknown: they may take effect later. */
  #unknown = new Set()
  #next = 1
  #position
  #writing = false
  #turn = 0
  constructor(number) {
    this.#id = `load-${run}-${number}`
  }

  /** One of ten requests writes. */
  go() {
    this.#turn += 1
    const base = this.#turn % 2 === 0 ? GATE : undefined
    const agent = this.#turn % 4 < 2 ? kept : fresh
    if (this.#turn % 10 === 1 && !this.#writing) return this.#write(base ?? service('writer'), agent)
    const reader = base ?? service('reader')
    if (this.#acknowledged === 0 || this.#turn % 10 === 5) return this.#readAbsent(reader, agent)
    return this.#read(reader, agent, this.#turn % 10 === 7)
  }

  async #write(base, agent) {
    this.#writing = true
    const value = this.#next++
    this.#possible.add(value)
    const body = JSON.stringify({ name: 'Load', price: 1, stock: value })
    const options = { method: 'PUT', headers: { ...json, authorization: `Bearer ${TOKEN}` }, body, agent }
    const answer = await one('write', `${base}/v1/products/${this.#id}`, options, ({ status, text }) =>
      status === 200 || status === 201 ? undefined : `${status} ${text.slice(0, 120)}`,
    )
    if (answer !== undefined && answer.status < 300) {
      this.#acknowledged = value
      this.#possible = new Set([value])
      this.#position = later(this.#position, answer.headers['freshet-position'])
    }
    if (answer === undefined || answer.status === 504) this.#unknown.add(value)
    this.#writing = false
  }

  async #read(base, agent, plain) {
    const [before, sent] = [new Set(this.#possible), this.#position]
    const headers = plain ? {} : { 'freshet-at-least': sent, prefer: 'wait=10' }
    const kind = plain ? 'plain' : 'own write'
    await one(kind, `${base}/v1/products/${this.#id}`, { headers, agent }, (answer) => {
      if (answer.status !== 200) return plain && answer.status === 404 ? undefined : String(answer.status)
      const got = JSON.parse(answer.text).stock
      const at = answer.headers['freshet-position']
      // A plain read may be older.
      if (plain) return got <= this.#next ? undefined : `stock ${got}`
      if (at < sent) return `position ${at} before ${sent}`
      const known = (got >= Math.min(...before) && got < this.#next) || this.#unknown.has(got)
      return known ? undefined : `stock ${got}, expected at least ${Math.min(...before)}`
    })
  }

  async #readAbsent(base, agent) {
    const id = `absent-${Math.random().toString(36).slice(2)}`
    await one('miss', `${base}/v1/products/${id}`, { agent }, ({ status }) =>
      status === 404 ? undefined : String(status),
    )
  }
}

const later = (one, other) => (one !== undefined && one > other ? one : other)

const clients = Array.from({ length: Number(CLIENTS) }, (_, number) => new Client(number))
let turn = 0
let due = performance.now()
setInterval(() => {
  const now = performance.now()
  // After a pause of this process, what was due is dropped instead of sent at once.
  if (now - due > 1_000) due = now - 1_000
  for (; due <= now; due += 1_000 / perSecond) void clients[turn++ % clients.length].go()
}, 5)

const streams = new EventStreams({ gate: GATE, token: RECEIVER_TOKEN, count: Number(STREAMS) })
async function sendMessage() {
  const clientId = `${run}-${Math.random()}`
  const options = {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${SENDER_TOKEN}` },
    body: JSON.stringify({ to: { user: 'receiver' }, body: {}, clientId }),
  }
  const answer = await one('message', `${GATE}/v1/messages`, options, ({ status, text }) =>
    status === 201 ? undefined : `${status} ${text.slice(0, 200)}`,
  )
  if (answer?.status === 201) streams.expect(JSON.parse(answer.text).id)
}
setInterval(() => void sendMessage(), 200)

/** The counts until now, when all of these requests and messages have ended, one way or the other. */
async function take() {
  const taken = counts
  reset()
  while (taken.answered + taken.lost < taken.sent) await sleep(100)
  return { ...taken, examples: taken.examples.slice(0, 40), streams: await streams.take() }
}

async function serve(asked, answer) {
  const url = new URL(asked.url, 'http://load')
  const rate = url.searchParams.get('rate')
  if (rate !== null) perSecond = Number(rate)
  const said = url.pathname === '/take' ? await take() : { ...counts, streams: streams.now() }
  answer.end(JSON.stringify(said))
}
createServer((asked, answer) => void serve(asked, answer)).listen(9000, '127.0.0.1', () =>
  console.log('started'),
)
