import { Centrifuge } from 'centrifuge'
import { WebSocket } from 'ws'
import { signedToken } from './real-delivery.ts'

interface Heard {
  readonly ids: (string | undefined)[]
  readonly offsets: number[]
  readonly bodies: unknown[]
  readonly events: string[]
  readonly recoveries: boolean[]
}

type Options = NonNullable<ConstructorParameters<typeof Centrifuge>[1]>

/** The unmodified npm `centrifuge`, connected as a user, with what it hears. */
export async function openClient(
  url: string,
  sub: string,
  { claims = {}, ...options }: Partial<Options> & { readonly claims?: Record<string, unknown> } = {},
) {
  const heard: Heard = { ids: [], offsets: [], bodies: [], events: [], recoveries: [] }
  const client = new Centrifuge(url, {
    websocket: WebSocket,
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
  client.on('connecting', ({ code }) => heard.events.push(`connecting ${code}`))
  client.on('disconnected', ({ code }) => heard.events.push(`disconnected ${code}`))
  client.on('error', ({ error }) => heard.events.push(`error ${error.code}`))
  client.connect()
  return { client, heard, [Symbol.dispose]: () => client.disconnect() }
}
