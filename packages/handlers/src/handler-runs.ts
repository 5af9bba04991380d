import type { Log } from '@freshet/kit'
import { describeLineage, loopFault, type Hop, type Lineage } from '@freshet/protocol'
import type { Breaker } from './breaker.ts'
import { currentCause, runCaused, type Written } from './cause.ts'
import type {
  ChangeHandler,
  HandlerContext,
  HandlerRefusal,
  HandlerRefusalReason,
  HandlerStatus,
  HeardChange,
} from './contract.ts'
import { someId, type Echoes } from './echoes.ts'
import { HandlerError, type HandlerErrorCode } from './errors.ts'
import { checkedHeaders, lineageFetch, lineageHeaders } from './lineage-fetch.ts'
import { Run, type RunOwner } from './run.ts'
import type { UnseenStart } from './unseen-starts.ts'

/** What a handler shares with the others of its service. */
export interface HandlerRunsParts {
  /** `<service>/<handler>` */
  readonly name: string
  readonly database: string
  readonly maxHops: number
  readonly breaker: Breaker
  /** This process's writes whose changes the handler will receive. */
  readonly echoes: Echoes
  /** Calls `tell` for every handler of this process. */
  readonly eachEchoes: (tell: (echoes: Echoes) => void) => void
  /** Origins of the writers that it may call. */
  readonly writers: ReadonlySet<string>
  readonly log: Log
  readonly onRefusal: ((refusal: HandlerRefusal) => void) | undefined
}

const codes: Record<HandlerRefusalReason, HandlerErrorCode> = {
  undeclared: 'UNDECLARED_WRITE',
  'own-entry': 'WRITE_LOOP',
  'too-many-hops': 'WRITE_LOOP',
  breaker: 'BREAKER_OPEN',
  'stale-context': 'STALE_CONTEXT',
}

/** Replaces the document, for resets. */
const everything = '*'

/** Runs one handler so that everything it writes is attributed to the change it received. */
export class HandlerRuns {
  readonly #handler: ChangeHandler
  readonly #parts: HandlerRunsParts
  readonly #declared: readonly string[]
  readonly #owner: RunOwner
  readonly #refusals: Record<HandlerRefusalReason, number> = {
    undeclared: 0,
    'own-entry': 0,
    'too-many-hops': 0,
    breaker: 0,
    'stale-context': 0,
  }
  #heard = 0
  #failed = 0
  #resets = 0
  #writes = 0
  #unseenStarts = 0

  constructor(handler: ChangeHandler, parts: HandlerRunsParts) {
    this.#handler = handler
    this.#parts = parts
    this.#declared = (handler.allowWrites ?? []).map(({ collection }) => collection)
    this.#owner = {
      database: parts.database,
      judge: (run, written) => this.#judge(run, written),
      charge: (run) => this.#charge(run, undefined),
      started: (what, heard) => this.#started(what, heard),
    }
  }

  /** Resolves after the handler has finished; never rejects. */
  async hear(change: HeardChange, signal: AbortSignal): Promise<void> {
    this.#heard += 1
    const heard = `${change.collection}/${change.id}`
    const { echoes, breaker, name } = this.#parts
    const echo = echoes.heard(heard)
    if (echo.by === 'none') breaker.foreign(heard)
    const run = new Run(this.#owner, this.#lineage(change.cause, heard), heard, echo)
    await this.#run(run, (context) => this.#handler.handle(change, context), signal)
    if (run.admitted === true && run.lasting === 0) breaker.giveBack(heard, name, echo)
  }

  /** Like {@link hear}. A reset may write a lot, so resets have their own bucket. */
  async reset(reason: string, signal: AbortSignal): Promise<void> {
    this.#resets += 1
    const { log, name } = this.#parts
    if (this.#handler.reset === undefined)
      log.warn({ handler: name, reason }, 'changes may have been missed, and the handler has no reset')
    const run = new Run(this.#owner, this.#lineage([], everything), everything, {
      rounds: new Map(),
      by: 'none',
    })
    await this.#run(run, (context) => this.#handler.reset?.(reason, context), signal)
  }

  /** Whether the caller runs within this handler or was started by it. */
  get within(): boolean {
    return currentCause()?.lineage.at(-1)?.handler === this.#parts.name
  }

  status(): HandlerStatus {
    return {
      handler: this.#parts.name,
      allowWrites: this.#handler.allowWrites ?? [],
      heard: this.#heard,
      failed: this.#failed,
      resets: this.#resets,
      writes: this.#writes,
      refusals: { ...this.#refusals },
      unseenStarts: this.#unseenStarts,
      openBreakers: this.#parts.breaker.open,
    }
  }

  #lineage(cause: Lineage, heard: string): Lineage {
    const own: Hop = { handler: this.#parts.name, heard, writes: this.#declared }
    return [...cause, own]
  }

  async #run(
    run: Run,
    work: (context: HandlerContext) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, name } = this.#parts
    const { lineage, heard } = run
    try {
      await runCaused(run, () => work(this.#contextOf(run, signal)))
    } catch (error) {
      if (signal.aborted) return
      this.#failed += 1
      log.error({ handler: name, heard, chain: describeLineage(lineage), err: error }, 'a handler failed')
    } finally {
      run.ended = true
    }
  }

  #contextOf(run: Run, signal: AbortSignal): HandlerContext {
    const plain = lineageHeaders(run.lineage)
    const headers = checkedHeaders(plain, () => this.#checkCurrent(run, 'headers'))
    const { writers } = this.#parts
    const lineage = (): Readonly<Record<string, string>> => {
      this.#checkCurrent(run, 'fetch')
      return plain
    }
    const admit = (): (() => void) => {
      const refunds = [otherRun(run)?.charge(), this.#admit(run, undefined)]
      return () => {
        for (const refund of refunds) refund?.()
      }
    }
    return { signal, headers, fetch: lineageFetch({ headers: lineage, writers, admit }) }
  }

  /** Kept for a later call, they would send the writer a wrong lineage. @throws {HandlerError} STALE_CONTEXT */
  #checkCurrent(run: Run, what: 'fetch' | 'headers'): void {
    if (!run.ended && handlerOf(otherRun(run)) !== handlerOf(run)) return
    throw this.#refused('stale-context', run, undefined, what)
  }

  /** Logged once and counted each time: starting a process may be legitimate, for example to resize an image. */
  #started(what: UnseenStart, heard: string): void {
    const { log, name } = this.#parts
    if (this.#unseenStarts === 0)
      log.warn({ handler: name, heard }, `a handler started a ${what}, whose writes are not observed`)
    this.#unseenStarts += 1
  }

  #judge(run: Run, { collections, keys }: Written): (changed: number) => void {
    const { maxHops } = this.#parts
    for (const collection of collections) {
      const fault = loopFault(run.lineage, collection ?? '', maxHops)
      if (fault !== undefined) throw this.#refused(fault, run, collection)
    }
    const refund = this.#admit(run, collections[0])
    const unnamed = collections.filter((collection) => !keys.some((key) => key.startsWith(`${collection}/`)))
    const correct = this.#expect(run, [...keys, ...unnamed.map((collection) => `${collection}/${someId}`)])
    return (changed) => {
      if (changed === 0) refund()
      correct(changed)
    }
  }

  /** Counts a write. Returns a function that refunds its token. @throws {HandlerError} BREAKER_OPEN */
  #admit(run: Run, collection: string | undefined): () => void {
    const refund = this.#charge(run, collection)
    this.#writes += 1
    return refund
  }

  /**
   * Takes one token for everything that a call writes, since a large write is no loop. After the call has ended, each
   * write takes its own: what goes on may be a loop that was started once. @throws {HandlerError} BREAKER_OPEN
   */
  #charge(run: Run, collection: string | undefined): () => void {
    const { breaker, name } = this.#parts
    const take = (): boolean =>
      run.heard === everything ? breaker.takeReset() : breaker.take(run.heard, name, run.echo)
    const late = run.ended
    const admitted = late ? take() : (run.admitted ??= take())
    if (!admitted) throw this.#refused('breaker', run, collection)
    if (!late) run.lasting += 1
    return () => {
      if (!late) run.lasting -= 1
      else if (run.heard !== everything) breaker.giveBack(run.heard, name, run.echo)
    }
  }

  /** Announces the expected changes to all handlers of this process. The returned function corrects their number. */
  #expect(run: Run, keys: readonly string[]): (changed: number) => void {
    const { name, eachEchoes } = this.#parts
    const { rounds } = run.echo
    const before = rounds.get(name) ?? 0
    for (const key of keys) {
      // A write to the changed document itself counts for that document, since it may be a correction.
      const made = new Map(rounds).set(name, key === run.heard ? before : before + 1)
      eachEchoes((echoes) => echoes.wrote(key, made))
    }
    return (changed) => {
      if (changed === 0) {
        for (const key of keys) eachEchoes((echoes) => echoes.unwrote(key))
      }
      // One condition may match many.
      const more = changed - keys.length
      const some = keys.find((key) => key.endsWith(`/${someId}`))
      if (some !== undefined && more > 0)
        eachEchoes((echoes) => echoes.wrote(some, new Map(rounds).set(name, before + 1), more))
    }
  }

  #refused(
    reason: HandlerRefusalReason,
    run: Run,
    collection: string | undefined,
    used: 'fetch' | 'headers' = 'fetch',
  ): HandlerError {
    const { name, log, onRefusal } = this.#parts
    this.#refusals[reason] += 1
    const chain = describeLineage(run.lineage)
    const refusal: HandlerRefusal = { reason, handler: name, heard: run.heard, collection, chain }
    log.error({ ...refusal }, 'refused a write of a handler')
    onRefusal?.(refusal)
    return new HandlerError(codes[reason], sentenceOf(refusal, used))
  }
}

/** Another call, still running, that the code runs in. */
function otherRun(run: Run): Run | undefined {
  const current = currentCause()
  return current instanceof Run && current !== run && !current.ended ? current : undefined
}

function handlerOf(run: Run | undefined): string | undefined {
  return run?.lineage.at(-1)?.handler
}

function sentenceOf(
  { reason, handler, heard, collection, chain }: HandlerRefusal,
  used: 'fetch' | 'headers',
): string {
  if (reason === 'stale-context')
    return `${handler} used the ${used} of another call, for ${heard}: use the ${used} of the current call`
  const what = collection === undefined ? 'write' : `write to ${collection}`
  const why: Record<Exclude<HandlerRefusalReason, 'stale-context'>, string> = {
    undeclared: 'without declaring it',
    'own-entry': 'a change that it caused itself',
    'too-many-hops': 'too many handlers after the original write',
    breaker: 'as often as only a loop would',
  }
  return `${handler} tried to ${what} because of ${heard}, ${why[reason]} (${chain})`
}
