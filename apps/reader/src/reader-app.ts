import type { Part } from '@freshet/kit'
import type { MessageReads } from './backend/contract.ts'
import type { Replica } from '@freshet/replica'
import { ResponseBudget, type App, type GuardReport, type Route, type ServiceTools } from '@freshet/service'
import { Freshness } from './freshness.ts'
import { ReaderHealth, type ReaderStatus } from './health.ts'
import { type CachedDocument, DocumentAnswer } from './read-document.ts'
import { WaitingReads } from './waiting-reads.ts'
import { type ReadAccess, type Reader, readerHandler } from './reader-handler.ts'
import { inspectRoute } from './inspect.ts'
import type { MessageRouteParts } from './messages/routes.ts'
import { MAX_RUNNING, MessageSnapshots, READ_BYTES } from './messages/snapshots.ts'
import { addReaderMetrics } from './reader-metrics.ts'

export interface ReaderAppParts {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardReport
  /** `undefined`: messages are off. */
  readonly messages?: MessageReads | undefined
  readonly fillWaitMs: number
  readonly aliveWithinMs: number
  readonly unreadyAfterMs: number | undefined
  /** Connections: started before the replica, stopped after it. */
  readonly before: readonly Part[]
  /** Additional routes. */
  readonly routes?: readonly Route[]
}

/** A reader app, with the parts needed to mount it elsewhere. */
export interface ReaderApp extends App<ReaderStatus> {
  readonly reader: Reader
}

/** The HTTP layer over a replica. */
export function readerApp(
  parts: ReaderAppParts,
  { log, clock, metrics, tokens, inFlight, fail, requests, drain }: ServiceTools,
): ReaderApp {
  const { replica, guard } = parts
  const room = new ResponseBudget(inFlight.answers)
  const reads = new WaitingReads({ replica, room, clock, fillWaitMs: parts.fillWaitMs })
  const reader: Reader = {
    replica,
    messages: parts.messages && messagesOf(parts.messages, parts, { inFlight, clock, log }),
    access: parts.access,
    freshness: new Freshness(replica, clock, parts.aliveWithinMs),
    reads,
    documents: new DocumentAnswer(room),
    room,
    tokens,
    fail,
    requests,
    refused: { methods: 0 },
  }
  addReaderMetrics(metrics, replica, guard, () => reader.refused.methods)
  const health = new ReaderHealth({
    replica,
    clock,
    unreadyAfterMs: parts.unreadyAfterMs,
    guard: () => ({ ...guard(), refusedMethods: reader.refused.methods }),
  })
  const following: Part = {
    name: 'replica',
    // Not awaited: until the first proof, the port is open and answers why it cannot serve.
    start: () => {
      replica.start().catch((err: unknown) => log.error({ err }, 'the replica could not start'))
    },
    stop: () => replica.close(),
  }
  drain.add({ name: 'waiting reads', drain: () => reads.drain() })
  const handle = readerHandler(reader, { prefix: '/v1', ...(parts.routes && { routes: parts.routes }) })
  const management = [inspectRoute(replica, reader.access)]
  return { handle, reader, parts: [...parts.before, following], health, management }
}

/** At most this share of the memory for work in progress. */
const MESSAGES_SHARE = 1 / 4

function messagesOf(
  reads: MessageReads,
  { replica, fillWaitMs }: Pick<ReaderAppParts, 'replica' | 'fillWaitMs'>,
  { inFlight, clock, log }: Pick<ServiceTools, 'inFlight' | 'clock' | 'log'>,
): MessageRouteParts {
  const { budget: all } = inFlight
  const bytes = Math.min(MAX_RUNNING * READ_BYTES, all.maxBytes * MESSAGES_SHARE)
  const budget = all.part('messages', bytes)
  const snapshots = new MessageSnapshots({ replica, budget, clock, log, withinMs: fillWaitMs })
  return { reads, snapshots }
}
