import { describe, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Centrifuge } from 'centrifuge'
import { Centrifuge as Centrifuge57 } from 'centrifuge-5-7'
import { WebSocket } from 'ws'
import { openServer } from './support/real-server.ts'
import { tokenOf } from './support/tokens.ts'

const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

interface Heard {
  readonly published: (string | undefined)[]
  readonly events: string[]
  readonly subscribed: {
    readonly recovered: boolean
    readonly wasRecovering: boolean
    readonly position: { readonly offset: number; readonly epoch: string } | undefined
  }[]
}

type Options = NonNullable<ConstructorParameters<typeof Centrifuge>[1]>

describe.each([
  ['5.8.0', Centrifuge],
  ['5.7.4', Centrifuge57],
] as const)('npm centrifuge %s, unmodified', (version, Client) => {
  /** A client that keeps what it hears. */
  function open(url: string, options: Partial<Options> = {}) {
    const heard: Heard = { published: [], events: [], subscribed: [] }
    const client = new Client(url, {
      websocket: WebSocket,
      token: tokenOf('ann'),
      minReconnectDelay: 1,
      maxReconnectDelay: 20,
      ...options,
    })
    client.on('publication', ({ data }: { readonly data: { readonly id?: string; readonly type: string } }) =>
      heard.published.push(data.id ?? data.type),
    )
    client.on('subscribed', ({ recovered, wasRecovering, streamPosition }) =>
      heard.subscribed.push({ recovered, wasRecovering, position: streamPosition }),
    )
    client.on('unsubscribed', ({ channel }) => heard.events.push(`unsubscribed ${channel}`))
    client.on('connected', () => heard.events.push('connected'))
    client.on('connecting', ({ code }) => heard.events.push(`connecting ${code}`))
    client.on('disconnected', ({ code }) => heard.events.push(`disconnected ${code}`))
    client.on('error', ({ error }) => heard.events.push(`error ${error.code}`))
    client.connect()
    return { client, heard, [Symbol.dispose]: () => client.disconnect() }
  }

  const send = (server: Awaited<ReturnType<typeof openServer>>): string =>
    server.feed.message({ from: 'bob', to: { user: 'ann' } }).id

  test(`D50 ${version} connects, receives, and comes back with what it missed`, async () => {
    await using server = await openServer()
    using one = open(server.webSocketUrl)
    await one.client.ready()
    const ids = [send(server), send(server)]
    await eventually(() => expect(one.heard.published).toEqual(ids))
    server.cut()
    ids.push(send(server), send(server))
    await eventually(() => expect(one.heard.published).toEqual(ids))
    server.cut()
    await eventually(() => expect(one.heard.subscribed).toHaveLength(3))
    ids.push(send(server))
    await eventually(() => expect(one.heard.published).toEqual(ids))
    expect(one.heard.subscribed.map(({ recovered, wasRecovering }) => [wasRecovering, recovered])).toEqual([
      [false, false],
      [true, true],
      [true, true],
    ])
    expect(
      one.heard.events.filter(
        (event) => event.startsWith('disconnected') || event.startsWith('unsubscribed'),
      ),
    ).toEqual([])
  })

  test(`D50 ${version} is told of a gap, and gets nothing twice`, async () => {
    await using server = await openServer()
    using one = open(server.webSocketUrl)
    await one.client.ready()
    send(server)
    await eventually(() => expect(one.heard.published).toHaveLength(1))
    server.feed.lose()
    server.feed.pass(1)
    await eventually(() => expect(one.heard.subscribed).toHaveLength(2))
    expect(one.heard.subscribed[1]).toMatchObject({ wasRecovering: true, recovered: false })
    expect(one.heard.events).toContain('connecting 3010')
    const id = send(server)
    await eventually(() => expect(one.heard.published).toEqual(['conv-["bob",{"user":"ann"}]/1', id]))
  })

  test(`D50 ${version} gets a new token when its own has expired while it was asleep, and while connected`, async () => {
    await using server = await openServer({ expiryGraceMs: 0 })
    const asked: number[] = []
    const getToken = (): Promise<string> => {
      asked.push(nowSeconds())
      return Promise.resolve(tokenOf('ann', { expiresAt: nowSeconds() + (asked.length === 1 ? 2 : 3_600) }))
    }
    using one = open(server.webSocketUrl, {
      token: tokenOf('ann', { expiresAt: nowSeconds() - 10 }),
      getToken,
    })
    await one.client.ready()
    expect(one.heard.events).toContain('error 109')
    // The refresh: the connection stays, longer than the first token was good for.
    await eventually(() => expect(asked).toHaveLength(2))
    const id = send(server)
    await eventually(() => expect(one.heard.published).toEqual([id]))
    expect(one.heard.events.filter((event) => event === 'connected')).toHaveLength(1)
  })

  test(`D50 ${version} stops for good when its token is revoked and it gets no other`, async () => {
    await using server = await openServer()
    using one = open(server.webSocketUrl, { token: tokenOf('ann', { issuedAt: nowSeconds() - 100 }) })
    await one.client.ready()
    server.reads.notBefore.set('ann', nowSeconds())
    server.feed.revoke('ann', nowSeconds())
    // 5.7.4 forgets the token at 3014 and does not try it again.
    const code = version === '5.8.0' ? 3_500 : 1
    await eventually(() => expect(one.heard.events.at(-1)).toBe(`disconnected ${code}`))
    expect(one.heard.events).toContain('connecting 3014')
  })

  test(`D50 ${version} comes back with a new token after a revocation`, async () => {
    await using server = await openServer()
    const getToken = (): Promise<string> => Promise.resolve(tokenOf('ann', { issuedAt: nowSeconds() + 10 }))
    using one = open(server.webSocketUrl, {
      token: tokenOf('ann', { issuedAt: nowSeconds() - 100 }),
      getToken,
    })
    await one.client.ready()
    server.reads.notBefore.set('ann', nowSeconds())
    server.feed.revoke('ann', nowSeconds())
    await eventually(() => expect(one.heard.subscribed).toHaveLength(2))
    const id = send(server)
    await eventually(() => expect(one.heard.published).toEqual([id]))
  })

  test(`D50 ${version} may subscribe to nothing else, and stays connected when it unsubscribes`, async () => {
    await using server = await openServer()
    using one = open(server.webSocketUrl)
    const refused = new Map<string, number>()
    for (const channel of ['#ann', 'news']) {
      const subscription = one.client.newSubscription(channel)
      subscription.on('unsubscribed', ({ code }) => refused.set(channel, code))
      subscription.subscribe()
    }
    await eventually(() =>
      expect([...refused]).toEqual([
        ['#ann', 105],
        ['news', 103],
      ]),
    )
    for (const subscription of Object.values(one.client.subscriptions()))
      one.client.removeSubscription(subscription)
    const id = send(server)
    await eventually(() => expect(one.heard.published).toEqual([id]))
    await expect(one.client.publish('#ann', {})).rejects.toMatchObject({ code: 103 })
    await expect(one.client.rpc('x', {})).rejects.toMatchObject({ code: 108 })
    const { publications } = await one.client.history('#ann', { limit: 10 })
    expect(publications.map(({ data }: { readonly data: { readonly id: string } }) => data.id)).toEqual([id])
    expect(one.heard.events.filter((event) => event === 'connected')).toHaveLength(1)
  })

  test(`D50 ${version} in a page that was reloaded goes on where the page was`, async () => {
    await using server = await openServer()
    using before = open(server.webSocketUrl)
    await before.client.ready()
    await eventually(() => expect(before.heard.subscribed).toHaveLength(1))
    const since = before.heard.subscribed[0]?.position
    before.client.disconnect()
    const ids = [send(server), send(server)]
    using after = open(server.webSocketUrl, { data: { since } })
    await eventually(() => expect(after.heard.published).toEqual(ids))
    expect(after.heard.subscribed).toMatchObject([{ wasRecovering: true, recovered: true }])
    server.cut()
    ids.push(send(server))
    await eventually(() => expect(after.heard.published).toEqual(ids))
  })

  test(`D50 ${version} comes back to another instance when one stops, and misses nothing`, async () => {
    await using first = await openServer()
    await using second = await openServer({}, first.feed)
    const urls = [first.webSocketUrl, second.webSocketUrl]
    class Balanced extends WebSocket {
      constructor() {
        super(urls[0] ?? '')
      }
    }
    using one = open(first.webSocketUrl, { websocket: Balanced })
    await one.client.ready()
    const ids = [send(first)]
    await eventually(() => expect(one.heard.published).toEqual(ids))
    urls.shift()
    const stopped = first.stop()
    ids.push(send(first))
    await stopped
    ids.push(send(first))
    await eventually(() => expect(one.heard.published).toEqual(ids))
    expect(one.heard.events).toContain('connecting 3001')
    expect(one.heard.subscribed.at(-1)).toMatchObject({ recovered: true })
  })

  test(`D50 ${version} answers pings, and stays connected`, async () => {
    await using server = await openServer({ pingMs: 1_000, pongMs: 500 })
    using one = open(server.webSocketUrl)
    await one.client.ready()
    await eventually(() => expect(server.pongs.length).toBeGreaterThan(2))
    expect(one.heard.events.filter((event) => event === 'connected')).toHaveLength(1)
  })
})

test('D13 npm centrifuge sends the position that the schema of a connect names', async () => {
  await using server = await openServer()
  const client = new Centrifuge(server.webSocketUrl, {
    websocket: WebSocket,
    token: tokenOf('ann'),
    minReconnectDelay: 1,
    maxReconnectDelay: 20,
  })
  client.connect()
  await client.ready()
  const { offset = 0 } = { offset: server.delivery.now()?.stream.top }
  server.cut()
  await eventually(() => expect(server.connects).toHaveLength(2))
  expect(JSON.parse(server.connects[1] ?? '')).toMatchObject({
    connect: { subs: { '#ann': { recover: true, offset } } },
  })
  client.disconnect()
})
