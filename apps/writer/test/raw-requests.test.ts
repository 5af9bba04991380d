import { expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect } from 'node:net'
import { stalledBackend } from './support/stalled-backend.ts'
import { openWriter } from './support/open-writer.ts'

/** The complete response to a request that no client library sends. */
async function answerTo(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  socket.end(`${request}\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  await once(socket, 'close')
  return answer
}

test.each([
  'PUT http://[/v1/any/h1 HTTP/1.1',
  'OPTIONS http://[/ HTTP/1.1',
  'PUT http://a:b/v1/products/x HTTP/1.1',
  'GET * HTTP/1.1',
  'PUT // HTTP/1.1',
  'PUT /%00 HTTP/1.1',
])('%s is answered with a problem', async (line) => {
  await using writer = await openWriter('mongodb://127.0.0.1:1', { over: stalledBackend })
  const answer = await answerTo(writer.service.url, line)
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*content-type: application\/problem\+json/i)
  expect(answer).not.toMatch(/html/i)
})

test.each([
  'DELETE /v1/products/victim#x',
  'DELETE /v1/products\\victim#',
  'DELETE /v1\\products/victim',
  'DELETE /v1/products/victim#/../../orders',
  'DELETE ftp://h/v1/products/victim',
])('%s, which URL parsers interpret differently, is 400', async (line) => {
  await using writer = await openWriter('mongodb://127.0.0.1:1', { over: stalledBackend })
  expect(await answerTo(writer.service.url, `${line} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 400 [^]*bad-url/)
})
