import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Where to send requests and how. */
export interface Load {
  readonly port: number
  /** Complete requests, sent in turn. */
  readonly requests: readonly Buffer[]
  readonly connections: number
  readonly count: number
  /** The exact length of every response, in bytes; used to find its end. */
  readonly answerBytes: number
}

const ok = Buffer.from('HTTP/1.1 200 ')

/** Sends requests over keep-alive connections, one at a time on each. Resolves when all were answered. */
export async function runLoad(load: Load): Promise<void> {
  let sent = 0
  const next = (): Buffer | undefined =>
    sent < load.count ? load.requests[sent++ % load.requests.length] : undefined
  await Promise.all(Array.from({ length: load.connections }, () => runOne(load, next)))
}

/** One complete response, as text. */
export async function askOnce(port: number, request: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  let text = ''
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
    if (head >= 0 && text.length === head + 4 + length) return text
  }
  throw new Error(`the connection ended after: ${text.slice(0, 200)}`)
}

async function runOne(load: Load, next: () => Buffer | undefined): Promise<void> {
  const socket = connect(load.port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed a connection')))
    exchange(socket, load.answerBytes, next, resolve)
  })
  socket.destroy()
}

function exchange(
  socket: Socket,
  answerBytes: number,
  next: () => Buffer | undefined,
  done: () => void,
): void {
  let have = 0
  const send = (): void => {
    const request = next()
    if (request) socket.write(request)
    else done()
  }
  socket.on('data', (chunk) => {
    have += chunk.length
    if (have === chunk.length && !chunk.subarray(0, ok.length).equals(ok))
      socket.destroy(new Error(`not 200: ${chunk.subarray(0, 200).toString()}`))
    else if (have > answerBytes) socket.destroy(new Error('an answer is longer than the others'))
    else if (have === answerBytes) {
      have = 0
      send()
    }
  })
  send()
}
