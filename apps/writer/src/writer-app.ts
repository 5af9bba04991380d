import type { Collection } from '@freshet/documents'
import type { Part } from '@freshet/kit'
import type { Id, ProblemCode } from '@freshet/protocol'
import { BodyBudget, type App, type Route, type ServiceTools } from '@freshet/service'
import { WriterHealth, type WatchedDatabase, type WriterStatus } from './health.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Backend } from './store/contract.ts'
import { SourceWatch } from './source.ts'
import { WriteLimit } from './write-limit.ts'
import { addWriterMetrics } from './writer-metrics.ts'
import { writerHandler } from './writer-handler.ts'
import type { Writer } from './writer-table.ts'

/**
 * An idle writer beats after this silence. Readers report `unproved` after 2 s, which leaves time for a slow beat or
 * two.
 */
const QUIET_MS = 250

/** The silence after which readers report `unproved`. */
const LATE_AFTER_MS = 2_000

/** The interval of source checks when nobody writes: a new or missing source is noticed within this time. */
const CHECK_EVERY_MS = 250

export interface WriterAppParts extends Omit<Backend, 'parts'> {
  readonly collections: ReadonlyMap<string, Collection>
  readonly maxBodyBytes: number
  readonly maxWrites: number
  readonly maxHops: number
  readonly readerUrl: string | undefined
  readonly messagesAdminRole: string
  readonly unreadyAfterMs: number | undefined
  /** Parts to start first and stop last: the connection. */
  readonly before: readonly Part[]
  /** Additional routes. */
  readonly routes?: readonly Route[]
}

/** A writer app, with the parts needed to mount it elsewhere. */
export interface WriterApp extends App<WriterStatus> {
  readonly writer: Writer
}

/** Connects the routes to a store. */
export function writerApp(parts: WriterAppParts, tools: ServiceTools): WriterApp {
  const { codec, store, control, collections, maxBodyBytes, maxHops, readerUrl, unreadyAfterMs } = parts
  const { clock, inFlight } = tools
  const bodies = new BodyBudget({ bodies: inFlight.bodies, writes: inFlight.budget.part('writes') })
  const documents = watched(control, new WriteLimit(parts.maxWrites, clock), tools)
  const { limit, source } = documents
  // Deliveries follow another database, so what is written to one proves nothing about the other.
  const messages =
    parts.messages && watched(parts.messages.control, new WriteLimit(parts.maxWrites, clock, limit), tools)
  const databases = messages ? [documents, messages] : [documents]
  parts.onBroken(() => databases.forEach((database) => database.source.doubt()))
  const counts = { done: 0, replayed: 0, problems: new Map<ProblemCode, number>() }
  const writer: Writer = {
    codec,
    store,
    limit,
    source,
    bodies,
    maxBodyBytes,
    maxHops,
    collections,
    tokens: tools.tokens,
    fail: tools.fail,
    requests: tools.requests,
    readerUrl: readerUrl?.replace(/\/+$/, ''),
    counts,
    messages:
      parts.messages && messages
        ? {
            store: parts.messages.store,
            limit: messages.limit,
            source: messages.source,
            newId: () => newMessageId(codec),
            clock,
            adminRole: parts.messagesAdminRole,
          }
        : undefined,
  }
  addWriterMetrics(tools.metrics, { counts, databases, bodies, connection: parts.connection })
  const health = new WriterHealth({
    databases,
    counts,
    bodies,
    connection: parts.connection,
    clock,
    unreadyAfterMs,
  })
  return {
    handle: writerHandler(writer, parts.routes ?? []),
    writer,
    parts: [...parts.before, ...databases.flatMap((database) => [database.source, database.heartbeat])],
    health,
  }
}

/** What is known of one database. */
function watched(
  control: Backend['control'],
  limit: WriteLimit,
  { clock, log }: Pick<ServiceTools, 'clock' | 'log'>,
): WatchedDatabase {
  return {
    limit,
    source: new SourceWatch({ control, clock, log, everyMs: CHECK_EVERY_MS }),
    heartbeat: new Heartbeat({
      control,
      clock,
      log,
      quietMs: QUIET_MS,
      lateAfterMs: LATE_AFTER_MS,
      lastWriteAt: () => limit.wroteAt,
    }),
  }
}

function newMessageId(codec: Backend['codec']): Id {
  const id = codec.newId('uuid')
  if (id === undefined) throw new TypeError('expected a codec that makes UUIDs')
  return id
}
