import type { Part } from '@freshet/kit'
import type { GuardReport } from './backend/contract.ts'
import type { Replica } from '@freshet/replica'
import { ResponseBudget, type App, type Route, type ServiceTools } from '@freshet/service'
import { Freshness } from './freshness.ts'
import { ReaderHealth, type ReaderStatus } from './health.ts'
import { type CachedDocument, DocumentAnswer } from './read-document.ts'
import { WaitingReads } from './waiting-reads.ts'
import { type ReadAccess, type Reader, readerHandler } from './reader-handler.ts'
import { addReaderMetrics } from './reader-metrics.ts'

export interface ReaderAppParts {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardReport
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
  return { handle, reader, parts: [...parts.before, following], health }
}
