import { defineOptions, readConfig, systemClock, type Log } from '@freshet/kit'
import { serviceOptions, startService, type RunningService } from '@freshet/service'
import { eventually, silentLog } from '@freshet/testkit'
import { SignJWT } from 'jose'
import { openBackend } from '../../src/backend/backend.ts'
import type { Backend } from '../../src/backend/contract.ts'
import { deliveryService, deliveryServiceOptions } from '../../src/delivery-service.ts'
import type { DeliveryStatus } from '../../src/delivery-metrics.ts'

export const SECRET = 'a secret for tokens of more than 32 bytes'
export const TICKETS = 'a secret for tickets of more than 32 bytes'
const key = new TextEncoder().encode(SECRET)

/** A token of the service's own issuer. */
export function signedToken(sub: string, claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ sub, iss: 'freshet', aud: 'freshet', iat: now - 1, exp: now + 3_600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(key)
}

export interface DeliveryStart {
  readonly uri: string
  readonly argv?: readonly string[]
  /** Default: an hour, since nothing sends heartbeats in most tests. */
  readonly aliveWithin?: string
  readonly log?: Log
  /** Stands between the service and its database. */
  readonly wrap?: (backend: Backend) => Backend
}

/** The complete service with a real database, as in production. */
export async function startDelivery({
  uri,
  argv = [],
  aliveWithin = '1h',
  log = silentLog,
  wrap = (one) => one,
}: DeliveryStart) {
  const service: RunningService = await startService({
    definition: deliveryService({
      version: '0.0.0',
      open: async (config, tools) => wrap(await openBackend(config, tools)),
    }),
    config: readConfig(defineOptions({ ...serviceOptions, ...deliveryServiceOptions }), {
      argv: ['--port=0', '--management-port=0', '--database=shop', `--alive-within=${aliveWithin}`, ...argv],
      env: { FRESHET_TOKEN_SECRET: SECRET, FRESHET_TICKET_SECRET: TICKETS, FRESHET_MONGODB_URI: uri },
      readFile: () => '',
    }),
    log,
    clock: systemClock,
    signal: new AbortController().signal,
  })
  const get = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const response = await fetch(`${service.managementUrl}${path}`)
    return { status: response.status, text: await response.text() }
  }
  return {
    url: service.url,
    webSocketUrl: `${service.url.replace('http', 'ws')}/connection/websocket`,
    eventsUrl: `${service.url}/connection/sse`,
    /** `undefined`: ready. */
    unready: async (): Promise<string | undefined> => {
      const { status, text } = await get('/readyz')
      const answer: { readonly why?: string } = JSON.parse(text)
      return status === 200 ? undefined : answer.why
    },
    ready: () =>
      eventually(async () => {
        const { status, text } = await get('/readyz')
        if (status !== 200) throw new Error(text)
      }),
    status: async (): Promise<DeliveryStatus> => JSON.parse((await get('/statusz')).text),
    metrics: async (): Promise<string> => (await get('/metrics')).text,
    stop: () => service.stop(),
    [Symbol.asyncDispose]: () => service.stop(),
  }
}

export type RealDelivery = Awaited<ReturnType<typeof startDelivery>>
