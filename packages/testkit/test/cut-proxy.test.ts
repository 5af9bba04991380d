import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { CutProxy, eventually } from '@freshet/testkit'

/** An echo server, a proxy in front of it, and a client that records what it receives. */
async function openEcho() {
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heard.push(chunk.toString())
      socket.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy = await CutProxy.open((server.address() as AddressInfo).port)
  const sockets: Socket[] = []
  const connect = () => {
    const client = { said: '', closed: false, socket: createConnection(proxy.port, '127.0.0.1') }
    client.socket.on('data', (chunk) => (client.said += chunk.toString()))
    client.socket.on('close', () => (client.closed = true)).on('error', () => undefined)
    sockets.push(client.socket)
    return client
  }
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await proxy[Symbol.asyncDispose]()
    await new Promise((resolve) => server.close(resolve))
  }
  return { heard, proxy, connect, [Symbol.asyncDispose]: close }
}

test('bytes are forwarded in both directions', async () => {
  await using echo = await openEcho()
  const client = echo.connect()
  client.socket.write('hello')
  await eventually(() => expect(client.said).toBe('hello'))
  expect(echo.proxy.connections).toBe(1)
  expect(echo.proxy.forwardedBytes).toBe(10)
})

test('cut resets connections and refuses new ones until resume', async () => {
  await using echo = await openEcho()
  const before = echo.connect()
  before.socket.write('a')
  await eventually(() => expect(before.said).toBe('a'))
  echo.proxy.cut()
  await eventually(() => expect(before.closed).toBe(true))
  const during = echo.connect()
  await eventually(() => expect(during.closed).toBe(true))
  echo.proxy.resume()
  const after = echo.connect()
  after.socket.write('b')
  await eventually(() => expect(after.said).toBe('b'))
})

test('cut ends a connection of which one side has finished', async () => {
  const ended: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.resume().on('end', () => ended.push(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await using proxy = await CutProxy.open((server.address() as AddressInfo).port)
  createConnection(proxy.port, '127.0.0.1')
    .on('error', () => undefined)
    .end('a')
  await eventually(() => expect(ended).toHaveLength(1))
  proxy.cut()
  await eventually(() => expect(proxy.connections).toBe(0))
  for (const socket of ended) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

test('a black hole for replies forwards requests, and holds replies back until resume', async () => {
  await using echo = await openEcho()
  const client = echo.connect()
  client.socket.write('a')
  await eventually(() => expect(client.said).toBe('a'))
  echo.proxy.blackHole('replies')
  client.socket.write('b')
  await eventually(() => expect(echo.heard.join('')).toBe('ab'))
  expect([client.said, client.closed]).toEqual(['a', false])
  echo.proxy.resume()
  await eventually(() => expect(client.said).toBe('ab'))
})

test('a MongoDB address is rewritten to the proxy only', async () => {
  await using echo = await openEcho()
  expect(
    echo.proxy.uriThrough('mongodb://u:p@127.0.0.1:1,127.0.0.1:2/shop?replicaSet=s&authSource=shop'),
  ).toBe(`mongodb://u:p@127.0.0.1:${echo.proxy.port}/shop?authSource=shop&directConnection=true`)
})
