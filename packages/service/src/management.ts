import type { ServerResponse } from 'node:http'
import type { Handler, Health, ServiceStatus } from './contract.ts'
import type { Metrics } from './metrics.ts'
import { type Route, RouteTable } from './route-table.ts'

export interface ManagementOptions {
  readonly health: Pick<Health, 'started' | 'unready'>
  readonly metrics: Metrics
  /** While true, `/readyz` is 503. */
  readonly draining: () => boolean
  readonly status: () => ServiceStatus
  /** Those of the app, once it is built. */
  readonly routes?: () => readonly Route[] | undefined
}

interface Page {
  readonly status: number
  readonly type: string
  readonly text: string
}

const JSON_TYPE = 'application/json'

/**
 * Handles the management port: `/livez` `/startupz` `/readyz` `/metrics` `/statusz`. None of them accesses a database,
 * so that an outage does not make an orchestrator kill processes that can still answer.
 */
export function managementHandler({
  health,
  metrics,
  draining,
  status,
  routes = () => undefined,
}: ManagementOptions): Handler {
  const page = (path: string, read: () => Page | Promise<Page>): Route => ({
    methods: ['GET'],
    path,
    who: 'public',
    // Some probes add query parameters.
    query: 'any',
    answer: async ({ response }) => send(response, await read()),
  })
  const own = [
    page('/livez', () => probe(undefined)),
    page('/startupz', () => probe(health.started() ? undefined : 'starting')),
    page('/readyz', () => probe(draining() ? 'draining' : health.unready())),
    page('/statusz', () => json(200, status())),
    page('/metrics', async () => ({ status: 200, type: metrics.contentType, text: await metrics.text() })),
  ]
  const handlerWith = (more: readonly Route[]): Handler =>
    new RouteTable({ routes: [...own, ...more] }).handlerAt('')
  let known = routes()
  let handle = handlerWith(known ?? [])
  return (request, response) => {
    const now = routes()
    if (now !== known) {
      known = now
      handle = handlerWith(known ?? [])
    }
    return handle(request, response)
  }
}

function probe(why: string | undefined): Page {
  return why === undefined ? json(200, { ok: true }) : json(503, { ok: false, why })
}

function json(status: number, value: object): Page {
  return { status, type: JSON_TYPE, text: `${JSON.stringify(value)}\n` }
}

function send(response: ServerResponse, { status, type, text }: Page): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}
