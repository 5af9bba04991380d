import { readConfig } from '@freshet/kit'
import type { Membership } from '@freshet/messages'
import { silentLog } from '@freshet/testkit'
import {
  closes,
  Delivery,
  deliveryOptions,
  frameSchemas,
  LagMeter,
  type DeliveryConfig,
  type FeedSink,
  type Socket,
  type UserReads,
  type UserState,
} from '../../src/index.ts'
import type { CloseCode } from '../../src/protocol/codes.ts'
import { HeldClock } from './held-clock.ts'
import { checkFrames } from './schema-check.ts'
import { ScriptedFeed, SECOND } from './scripted-feed.ts'
import { PlainTokens } from './tokens.ts'

const checkServer = checkFrames(frameSchemas.server)
const checkClose = checkFrames(frameSchemas.close)

/** A socket that keeps what it is sent, and checks all of it against the schemas. */
export class FakeSocket implements Socket {
  readonly frames: string[] = []
  closed: CloseCode | undefined
  bufferedBytes = 0

  send(frame: string): void {
    this.frames.push(frame)
    for (const line of frame.split('\n')) checkServer(JSON.parse(line))
  }

  close(code: CloseCode): void {
    this.closed = code
    checkClose(closes[code])
  }

  isCut = false

  cut(): void {
    this.isCut = true
    this.bufferedBytes = 0
  }

  /** Every line that was sent. */
  get lines(): readonly Line[] {
    return this.frames.flatMap((frame) => frame.split('\n').map((line): Line => JSON.parse(line)))
  }

  get publications(): readonly Pub[] {
    return this.lines.flatMap(({ push }) => (push ? [push.pub] : []))
  }

  /** Replayed and live. */
  get ids(): readonly (string | undefined)[] {
    const replayed = this.lines.flatMap(({ connect }) =>
      Object.values(connect?.subs ?? {}).flatMap((sub) => sub.publications),
    )
    return [...replayed, ...this.publications].map(({ data }) => data.id ?? data.type)
  }
}

export interface Pub {
  readonly offset: number
  readonly tags: Readonly<Record<string, string>>
  readonly data: {
    readonly id?: string
    readonly type: string
    readonly body?: unknown
    readonly seq?: number
  }
}

export interface Sub {
  readonly epoch: string
  readonly offset: number
  readonly recovered: boolean
  readonly was_recovering: boolean
  readonly publications: readonly Pub[]
}

export interface Line {
  readonly id?: number
  readonly error?: { readonly code: number }
  readonly connect?: {
    readonly client: string
    readonly ttl: number
    readonly subs: Readonly<Record<string, Sub>>
    readonly data: { readonly position: string }
  }
  readonly refresh?: object
  readonly unsubscribe?: object
  readonly history?: {
    readonly publications: readonly Pub[]
    readonly offset: number
    readonly epoch: string
  }
  readonly push?: { readonly channel: string; readonly pub: Pub }
}

/** The database beside the feed. */
export class FakeReads implements UserReads {
  readonly memberships: Membership[] = []
  readonly notBefore = new Map<string, number>()
  readonly asked: string[] = []
  /** In the place of an earlier one. */
  put(membership: Membership): void {
    const { user, group } = membership
    const index = this.memberships.findIndex((one) => one.user === user && one.group === group)
    this.memberships.splice(index < 0 ? this.memberships.length : index, 1, membership)
  }

  /** Reads wait for it. */
  gate: Promise<void> = Promise.resolve()

  async load(user: string): Promise<UserState> {
    this.asked.push(user)
    const state = {
      memberships: this.memberships.filter((membership) => membership.user === user),
      notBefore: this.notBefore.get(user) ?? 0,
    }
    await this.gate
    return state
  }
}

/** A delivery over a feed that the test writes, on a clock that the test moves. */
export function openBench(
  changed: Partial<DeliveryConfig> = {},
  feed = new ScriptedFeed(),
  wrap: (sink: FeedSink) => FeedSink = (sink) => sink,
) {
  const clock = new HeldClock(SECOND)
  const tokens = new PlainTokens(() => clock.wallMs())
  const reads = new FakeReads()
  const deferred: (() => void)[] = []
  let ids = 0
  const delivery = new Delivery({
    config: { ...readConfig(deliveryOptions, { argv: [], env: {}, readFile: () => '' }), ...changed },
    reads,
    tokens,
    clock,
    log: silentLog,
    defer: (run) => void deferred.push(run),
    random: () => 0.5,
    newId: () => `id-${(ids += 1)}`,
    node: 'node-1',
    version: '0.0.0',
    lag: new LagMeter(),
  })
  delivery.start()
  feed.follow(wrap(delivery))
  /** What was put off until the end of the turn happens. */
  const settle = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    for (const run of deferred.splice(0)) run()
  }
  return {
    clock,
    tokens,
    reads,
    feed,
    delivery,
    settle,
    /** Time passes for the connections. */
    pass: async (ms: number): Promise<void> => {
      clock.move(ms)
      delivery.wheel.turn()
      await settle()
    },
    /** A client that has sent these commands. */
    client: async (...commands: readonly object[]) => {
      const socket = new FakeSocket()
      const connection = delivery.accept(socket)
      const send = async (...more: readonly object[]): Promise<void> => {
        connection.receive(more.map((command) => JSON.stringify(command)).join('\n'))
        await settle()
      }
      if (commands.length > 0) await send(...commands)
      return { socket, connection, send }
    },
  }
}
