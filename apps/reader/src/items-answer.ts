import { ABSENT, type Absent } from '@freshet/replica'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { factHeaders } from './document-answer.ts'
import type { Facts } from './facts.ts'
import type { Held } from './held.ts'

/** The bytes of `{"items":[…],"missing":[…]}`, both in the order of `ids`. Ids need no escapes in JSON. */
export function itemsBody(ids: readonly string[], values: readonly (Held | Absent)[]): Buffer {
  const bodies: (string | Buffer)[] = []
  const missing: string[] = []
  values.forEach((value, index) => {
    if (value === ABSENT) missing.push(`"${ids[index] ?? ''}"`)
    else bodies.push(value.body)
  })
  const start = '{"items":['
  const end = `],"missing":[${missing.join(',')}]}`
  const commas = Math.max(0, bodies.length - 1)
  let length = start.length + commas + end.length
  for (const body of bodies) length += body.length
  const bytes = Buffer.allocUnsafe(length)
  let at = bytes.write(start, 0, 'latin1')
  bodies.forEach((body, index) => {
    if (index > 0) at += bytes.write(',', at, 'latin1')
    at += typeof body === 'string' ? bytes.write(body, at, 'latin1') : body.copy(bytes, at)
  })
  bytes.write(end, at, 'latin1')
  return bytes
}

/** 200 with several documents of one position. */
export function sendItems(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  facts: Facts,
): void {
  response.writeHead(200, {
    ...factHeaders(facts),
    'content-type': 'application/json',
    'content-length': body.length,
  })
  if (request.method === 'HEAD') response.end()
  else response.end(body)
}
