import { Centrifuge } from 'centrifuge'
import { Centrifuge as Centrifuge57 } from 'centrifuge-5-7'
import { WebSocket } from 'ws'
import { signedToken } from './real-delivery.ts'

/** What a client heard. */
export interface Heard {
  readonly ids: (string | undefined)[]
  readonly offsets: number[]
  /** The offsets of all publications in the order of the frames, whatever the client makes of it. */
  readonly frames: number[]
  readonly bodies: unknown[]
  readonly events: string[]
  readonly recoveries: boolean[]
  /** Of the database at each connection, as `Freshet-At-Least` takes it. */
  readonly positions: string[]
}

type Options = NonNullable<ConstructorParameters<typeof Centrifuge>[1]>

/** Both differ in how they keep positions. */
const sdks = { '5.8.0': Centrifuge, '5.7.4': Centrifuge57 } as const

/** How a client differs from a plain one. */
export interface ClientOptions extends Partial<Options> {
  readonly claims?: Record<string, unknown>
  readonly sdk?: keyof typeof sdks
}

/** The unmodified npm `centrifuge`, connected as a user, with what it hears. A function chooses the URL of each connection. */
export async function openClient(
  url: string | (() => string),
  sub: string,
  { claims = {}, sdk = '5.8.0', ...options }: ClientOptions = {},
) {
  const heard: Heard = {
    ids: [],
    offsets: [],
    frames: [],
    bodies: [],
    events: [],
    recoveries: [],
    positions: [],
  }
  const choose = typeof url === 'string' ? () => url : url
  const sockets: WebSocket[] = []
  class Balanced extends WebSocket {
    constructor() {
      super(choose())
      sockets.push(this)
      this.on('message', (frame: Buffer) => {
        for (const line of frame.toString().split('\n')) {
          const { push }: { readonly push?: { readonly pub?: { readonly offset?: number } } } =
            JSON.parse(line)
          if (push?.pub?.offset !== undefined) heard.frames.push(push.pub.offset)
        }
      })
    }
  }
  const client = new sdks[sdk](choose(), {
    websocket: Balanced,
    token: await signedToken(sub, claims),
    minReconnectDelay: 10,
    maxReconnectDelay: 100,
    ...options,
  })
  interface Data {
    readonly id?: string
    readonly type: string
    readonly body?: unknown
  }
  client.on('publication', ({ data, offset = 0 }: { readonly data: Data; readonly offset?: number }) => {
    if (data.type === 'position') return
    heard.ids.push(data.id ?? data.type)
    heard.offsets.push(offset)
    heard.bodies.push(data.body)
  })
  client.on('subscribed', ({ recovered, wasRecovering }) => {
    if (wasRecovering) heard.recoveries.push(recovered)
  })
  client.on('connected', ({ data }: { readonly data?: { readonly position: string } }) =>
    heard.positions.push(data?.position ?? ''),
  )
  client.on('connecting', ({ code }) => heard.events.push(`connecting ${code}`))
  client.on('disconnected', ({ code }) => heard.events.push(`disconnected ${code}`))
  client.on('error', ({ error }) => heard.events.push(`error ${error.code}`))
  client.connect()
  return { client, heard, sockets, [Symbol.dispose]: () => client.disconnect() }
}
