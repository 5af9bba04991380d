import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  ABSENT,
  Cache,
  ENTRY_OVERHEAD_BYTES,
  type Absent,
  type Fill,
  type FillDecision,
  type FillOutcome,
} from '../src/index.ts'
import type { Position } from '@freshet/protocol'
import { CacheRun, steps } from './cache-run.ts'

/** Room for two of five entries, so that evictions are constant. */
const maxBytes = 2 * (ENTRY_OVERHEAD_BYTES + 64)
/** And for about three that passed by. */
const recentBytes = 3 * (ENTRY_OVERHEAD_BYTES + 40)
const encode = (document: Uint8Array): number => Number(Buffer.from(document).toString())
const options = { maxBytes, recent: { maxBytes: recentBytes, encode }, sizeOf: (): number => 40 }

function check(make: () => Cache<number>, seed: number, numRuns: number): string | undefined {
  const property = fc.property(steps, (all) => {
    const run = new CacheRun(make(), maxBytes + recentBytes)
    for (const step of all) run.step(step)
  })
  const details = fc.check(property, { seed, numRuns })
  return details.failed ? `${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}` : undefined
}

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

test(`C1 whatever is cached is the document at W, in 10,000 random runs (seed ${seed})`, () => {
  expect(check(() => new Cache(options), seed, 10_000)).toBeUndefined()
})

/** A fill's read wins over what the feed said meanwhile. */
class ReadOverwritesFeed extends Cache<number> {
  override applyOutcome(
    fill: Fill<number>,
    outcome: FillOutcome<number>,
    now: Position,
  ): FillDecision<number> {
    if (outcome.kind === 'exact') fill.latest = undefined
    return super.applyOutcome(fill, outcome, now)
  }
}

/** An update by others during a fill goes unnoticed. */
class ForgetsRestart extends Cache<number> {
  override applyOutcome(
    fill: Fill<number>,
    outcome: FillOutcome<number>,
    now: Position,
  ): FillDecision<number> {
    fill.overtaken = false
    return super.applyOutcome(fill, outcome, now)
  }
}

/** What a read saw is taken for the state at its position, although it may have seen more. */
class TrustsFenced extends Cache<number> {
  override applyOutcome(
    fill: Fill<number>,
    outcome: FillOutcome<number>,
    now: Position,
  ): FillDecision<number> {
    const trusted = outcome.kind === 'fenced' ? ({ ...outcome, kind: 'exact' } as const) : outcome
    return super.applyOutcome(fill, trusted, now)
  }
}

/** What a read saw is taken for the state behind its fence, although the feed named the document meanwhile. */
class IgnoresFeedBehindFence extends Cache<number> {
  override applyOutcome(
    fill: Fill<number>,
    outcome: FillOutcome<number>,
    now: Position,
  ): FillDecision<number> {
    if (outcome.kind === 'fenced') {
      fill.latest = undefined
      fill.overtaken = false
    }
    return super.applyOutcome(fill, outcome, now)
  }
}

/** An update by others keeps the old content. */
class KeepsInvalidated extends Cache<number> {
  override invalidate(): void {}
}

/** A null post-image, or any other lack of content, is taken as absence. */
class TakesInvalidatedAsAbsent extends Cache<number> {
  override invalidate(key: string): void {
    super.upsert(key, ABSENT)
  }
}

class KeepsDropped extends Cache<number> {
  override emptyCollection(): void {}
}

class KeepsRenamedOver extends Cache<number> {
  override invalidateCollection(): void {}
}

/** A rename onto a collection is taken for a drop. */
class TakesRenameAsDrop extends Cache<number> {
  override invalidateCollection(collection: string): void {
    super.emptyCollection(collection)
  }
}

/** W jumps over a gap and the entries stay. */
class KeepsOverGap extends Cache<number> {
  override newEpoch(): void {}
}

/** Fills are registered after they were sent. */
class ForgetsFills extends Cache<number> {
  override upsert(key: string, value: number | Absent): void {
    if (this.fillOf(key) === undefined) super.upsert(key, value)
  }
}

/** What passed by stays although an update by others came. */
class RecallsTheInvalidated extends Cache<number> {
  override invalidate(key: string): void {
    const passed = this.getRecent(key)
    super.invalidate(key)
    if (passed !== undefined) this.putRecent(key, passed)
  }
}

/** What passed by stays beside what is held, and is as old as it is. */
class RecallsBehindTheHeld extends Cache<number> {
  override promote(key: string, value: number): void {
    const passed = this.getRecent(key)
    super.promote(key, value)
    if (passed !== undefined) this.putRecent(key, passed)
  }

  override upsert(key: string, value: number | Absent): void {
    const passed = this.getRecent(key)
    super.upsert(key, value)
    if (passed !== undefined) this.putRecent(key, passed)
  }
}

const faulty = [
  RecallsTheInvalidated,
  RecallsBehindTheHeld,
  ReadOverwritesFeed,
  ForgetsRestart,
  TrustsFenced,
  IgnoresFeedBehindFence,
  KeepsInvalidated,
  TakesInvalidatedAsAbsent,
  KeepsDropped,
  KeepsRenamedOver,
  TakesRenameAsDrop,
  KeepsOverGap,
  ForgetsFills,
]

test.each(faulty.map((Broken) => [Broken.name, Broken] as const))(
  'C1 the same runs find a cache that %s',
  (_name, Broken) => {
    expect(check(() => new Broken(options), 1, 10_000)).toMatch(/(cached|recalled|installed|answered) ./)
  },
)
