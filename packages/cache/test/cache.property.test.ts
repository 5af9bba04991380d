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

/** Capacity for two of five entries, so evictions are frequent. */
const maxBytes = 2 * (ENTRY_OVERHEAD_BYTES + 64)
/** Capacity for about three recent documents. */
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

/** The read of a fill overwrites the feed's later state. */
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

/** An update without content during a fill goes unnoticed. */
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

/** A fenced reply is treated as the state at its position, although it may have seen later changes. */
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

/** A fenced reply is treated as the state at its fence, although the feed reported the document in the meantime. */
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

/** An update without content leaves the old value cached. */
class KeepsInvalidated extends Cache<number> {
  override invalidate(): void {}
}

/** A null post-image, or any other missing content, is treated as a deletion. */
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

/** A rename onto a collection is treated as a drop. */
class TakesRenameAsDrop extends Cache<number> {
  override invalidateCollection(collection: string): void {
    super.emptyCollection(collection)
  }
}

/** Entries survive a gap. */
class KeepsOverGap extends Cache<number> {
  override newEpoch(): void {}
}

/** Changes during a fill are not recorded. */
class ForgetsFills extends Cache<number> {
  override upsert(key: string, value: number | Absent): void {
    if (this.fillOf(key) === undefined) super.upsert(key, value)
  }
}

/** A recent document survives an update without content. */
class RecallsInvalidated extends Cache<number> {
  override invalidate(key: string): void {
    const passed = this.getRecent(key)
    super.invalidate(key)
    if (passed !== undefined) this.putRecent(key, passed)
  }
}

/** A recent document stays behind a cached value and goes stale. */
class RecallsStale extends Cache<number> {
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
  RecallsInvalidated,
  RecallsStale,
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
  'C1 the same runs detect a cache that %s',
  (_name, Broken) => {
    expect(check(() => new Broken(options), 1, 10_000)).toMatch(/(cached|recalled|installed|answered) ./)
  },
)
