import { readConfig, systemClock } from '@freshet/kit'
import {
  serviceOptions,
  startService,
  type Route,
  type RunningService,
  type ServiceTools,
} from '@freshet/service'
import { silentLog } from '@freshet/testkit'
import { SignJWT } from 'jose'
import type { ReadAccess } from '../../src/reader-handler.ts'
import { readerApp } from '../../src/reader-app.ts'
import { FakeReplica } from './fake-replica.ts'

export const secret = 'a secret of the tests that is long enough'

/** An `Authorization` header that is valid for a minute. @param groups the claim `groups`. */
export async function bearer(user = 'tester', groups?: readonly string[]): Promise<string> {
  const token = await new SignJWT({ ...(groups && { groups }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('freshet')
    .setAudience('freshet')
    .setSubject(user)
    .setExpirationTime('1m')
    .sign(new TextEncoder().encode(secret))
  return `Bearer ${token}`
}

const access = new Map<string, ReadAccess>([
  ['products', 'public'],
  ['orders', 'authenticated'],
])

/** A reader over a fake replica, on real sockets. */
export interface OpenReader extends AsyncDisposable {
  readonly replica: FakeReplica
  readonly service: RunningService
  /** Sends a request to the public port. */
  ask(path: string, init?: RequestInit): Promise<Response>
}

export interface OpenReaderOptions {
  readonly argv?: readonly string[]
  readonly unreadyAfterMs?: number
  readonly fillWaitMs?: number
  /** Additional routes. */
  readonly routes?: readonly Route[]
  /** The guard's fault, if any. */
  readonly fault?: () => string | undefined
  /** As in a program that mounts the reader. */
  readonly requests?: ServiceTools['requests']
}

export async function openReader(options: OpenReaderOptions = {}): Promise<OpenReader> {
  const replica = new FakeReplica()
  const argv = ['--port=0', '--management-port=0', ...(options.argv ?? [])]
  const env = { FRESHET_TOKEN_SECRET: secret }
  const service = await startService({
    definition: {
      role: 'reader',
      version: '0.0.0',
      description: '',
      options: {},
      build: (_config, tools) =>
        readerApp(
          {
            replica,
            access,
            guard: () => ({
              layers: { veto: 'standing', role: 'absent' },
              fault: options.fault?.(),
              refusals: { command: 3 },
              renewals: 2,
            }),
            fillWaitMs: options.fillWaitMs ?? 5_000,
            aliveWithinMs: 2_000,
            unreadyAfterMs: options.unreadyAfterMs,
            before: [],
            ...(options.routes && { routes: options.routes }),
          },
          { ...tools, requests: options.requests },
        ),
    },
    config: readConfig(serviceOptions, { argv, env, readFile: () => '' }),
    log: silentLog,
    signal: new AbortController().signal,
    clock: systemClock,
  })
  return {
    replica,
    service,
    ask: (path, init) => fetch(service.url + path, init),
    [Symbol.asyncDispose]: () => service.stop(),
  }
}
