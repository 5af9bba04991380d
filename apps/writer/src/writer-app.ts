import type { Collection } from '@freshet/documents'
import type { Part } from '@freshet/kit'
import { BodyBudget, type App, type Handler, type ServiceTools } from '@freshet/service'
import express from 'express'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { WriterHealth } from './health.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import { SourceWatch } from './source.ts'
import { WriteLimit } from './write-limit.ts'
import { WriterHandler } from './writer-handler.ts'
import { addWriterMetrics } from './writer-metrics.ts'

/** Readers call the database unproved after 2 s without a sign; this leaves room for a slow beat or two. */
const QUIET_MS = 250

/** Then they do. */
const LATE_AFTER_MS = 2_000

/** A name of the history that is gone, or is another one, is known after this time also where nobody writes. */
const LOOK_EVERY_MS = 250

/** What a writer is put together from. */
export interface WriterAppParts extends Omit<Backend, 'parts'> {
  readonly collections: ReadonlyMap<string, Collection>
  readonly maxBodyBytes: number
  readonly maxWrites: number
  readonly maxHops: number
  readonly readerUrl: string | undefined
  readonly unreadyAfterMs: number
  /** What must run before all else and be stopped last: the connection. */
  readonly before: readonly Part[]
}

/** The HTTP door before a store. */
export function writerApp(parts: WriterAppParts, tools: ServiceTools): App {
  const { codec, store, control, collections, maxBodyBytes, maxHops, readerUrl, unreadyAfterMs } = parts
  const { clock, log, inFlight } = tools
  const limit = new WriteLimit(parts.maxWrites, clock)
  const bodies = new BodyBudget({ bodies: inFlight.bodies, writes: inFlight.budget.part('writes') })
  const source = new SourceWatch({ control, clock, log, everyMs: LOOK_EVERY_MS })
  parts.onBroken(() => source.doubt())
  const heartbeat = new Heartbeat({
    control,
    clock,
    log,
    quietMs: QUIET_MS,
    lateAfterMs: LATE_AFTER_MS,
    lastWriteAt: () => limit.wroteAt,
  })
  const handler = new WriterHandler({
    codec,
    store,
    limit,
    source,
    bodies,
    maxBodyBytes,
    maxHops,
    collections,
    tokens: tools.tokens,
    readerUrl: readerUrl?.replace(/\/+$/, ''),
  })
  addWriterMetrics(tools.metrics, { handler, limit, source, heartbeat, bodies, connection: parts.connection })
  const health = new WriterHealth({
    source,
    heartbeat,
    limit,
    handler,
    bodies,
    connection: parts.connection,
    clock,
    unreadyAfterMs,
  })
  return {
    handle: expressOver(handler, tools),
    parts: [...parts.before, source, heartbeat],
    health,
    // A write has its own limit of time, and its outcome is worth the wait.
    endWaits: () => undefined,
  }
}

/** An Express app as its router calls it; the published types want a request that Express has made its own already. */
interface InExpress {
  take(request: IncomingMessage, response: ServerResponse, done: (error: unknown) => void): void
}

/**
 * One middleware and the shell's answer to errors. The router of Express is not asked: it would decode and match paths
 * by rules of its own, and the rules of URLs stand in one place, for readers and writers alike.
 */
function expressOver(handler: WriterHandler, { fail }: ServiceTools): Handler {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use(handler.handle)
  const inExpress: InExpress = { take: app }
  // Express asks no middleware about a URL that it cannot take apart, and would answer with a page of its own.
  const takeUnasked = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await handler.handle(request, response)
    } catch (error) {
      fail(request, response, error)
    }
  }
  return (request, response) =>
    inExpress.take(request, response, (error) => {
      if (error === undefined) void takeUnasked(request, response)
      else fail(request, response, error)
    })
}
