import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Change, Position } from '@freshet/protocol'
import type { Origin } from '../contract.ts'
import type { SourceBench } from './bench.ts'
import { Hearing } from './hearing.ts'

/** Opens an empty source, tests what every source must guarantee, and disposes of it. Requires Jest. */
export function describeChangeSource(name: string, open: () => Promise<SourceBench>): void {
  describe(`the contract of a source: ${name}`, () => {
    let bench: SourceBench
    const signal = new AbortController().signal
    const start = (): Promise<Origin> => bench.source.start(signal)
    /** A log starts at its beginning. */
    const fromNow = async (): Promise<Origin> => {
      const origin = await start()
      if (bench.forgets) return origin
      await using heard = listen(origin)
      await heard.until(() => heard.batches.some(({ provedAt }) => Number.isFinite(provedAt)))
      return { ...origin, at: heard.batches.at(-1)?.through ?? origin.at }
    }
    const listen = (origin: Origin): Hearing => new Hearing(bench.source, origin)
    const words = (changes: readonly Change[]): readonly string[] =>
      changes.map((change) => inWords(bench, change))

    beforeAll(async () => {
      bench = await open()
    }, 60_000)
    afterAll(async () => {
      await bench[Symbol.asyncDispose]()
    })

    test('F1 emits every change after the start, in commit order', async () => {
      await using heard = listen(await start())
      await bench.write({ kind: 'upsert', id: 'a', value: 1 })
      await bench.write({ kind: 'upsert', id: 'a', value: 2 })
      await bench.write({ kind: 'update', id: 'a', value: 3 })
      await bench.write({ kind: 'upsert', id: 'b', value: 4 })
      await bench.write({ kind: 'delete', id: 'a' })
      await heard.until(() => words(heard.changes).at(-1) === 'delete a')
      // A start may be slightly early and then includes the latest earlier write.
      expect(words(heard.changes).slice(-5)).toEqual([
        'upsert a 1',
        'upsert a 2',
        // An update may or may not include the content.
        expect.stringMatching(/^(invalidate a|upsert a 3)$/),
        'upsert b 4',
        'delete a',
      ])
    })

    test('F2 emits a transaction complete, in one batch', async () => {
      await using heard = listen(await start())
      for (let value = 0; value < 20; value += 1)
        await bench.write({ kind: 'upsert', id: 'left', value }, { kind: 'upsert', id: 'right', value })
      await heard.until(() => words(heard.changes).includes('upsert right 19'))
      for (const { changes } of heard.batches) {
        const upserts = words(changes)
        expect(
          upserts.filter((upsert) => upsert.startsWith('upsert left')).map((upsert) => upsert.slice(12)),
        ).toEqual(
          upserts.filter((upsert) => upsert.startsWith('upsert right')).map((upsert) => upsert.slice(13)),
        )
      }
    })

    test('F3 never goes back, and keeps proving its freshness while idle', async () => {
      await using heard = listen(await start())
      await bench.write({ kind: 'upsert', id: 'a', value: 5 })
      await heard.until(() => heard.changes.length > 0)
      const proofs = (): ReadonlySet<number> => new Set(heard.batches.map((batch) => batch.provedAt))
      const before = proofs().size
      await heard.until(() => proofs().size > before + 2)
      const positions = heard.batches.map((batch) => batch.through)
      expect(positions).toEqual(positions.toSorted())
      const proved = heard.batches.map((batch) => batch.provedAt)
      expect(proved).toEqual(proved.toSorted((a, b) => a - b))
    })

    test('F4 resumes after a broken connection: nothing is missed or delivered twice', async () => {
      const origin = await start()
      const heard = listen(origin)
      await bench.write({ kind: 'upsert', id: 'a', value: 6 })
      await heard.until(() => words(heard.changes).includes('upsert a 6'))
      await bench.cut()
      expect(await heard.failure()).toMatchObject({ code: 'DISCONNECTED', retry: true, lost: false })
      await bench.write({ kind: 'upsert', id: 'a', value: 7 })
      const last = { ...origin, at: heard.batches.at(-1)?.through ?? origin.at }
      if (bench.forgets) {
        await using forgotten = listen(last)
        expect(await forgotten.failure()).toMatchObject({ code: 'HISTORY_LOST', lost: true })
        expect(forgotten.batches).toEqual([])
        const next = await start()
        expect(next.source).toBe(origin.source)
        expect(next.at > last.at).toBe(true)
        return
      }
      await using again = listen(last)
      await bench.write({ kind: 'upsert', id: 'a', value: 8 })
      await again.until(() => again.changes.length >= 2)
      expect(words(again.changes)).toEqual(['upsert a 7', 'upsert a 8'])
    })

    test('F5 skips collections that are not followed and advances past their changes', async () => {
      const origin = await fromNow()
      await using heard = listen(origin)
      await bench.writeElsewhere()
      await bench.write({ kind: 'upsert', id: 'a', value: 9 })
      await heard.until(() => words(heard.changes).includes('upsert a 9'))
      expect(words(heard.changes).filter((word) => !/^upsert a [89]$/.test(word))).toEqual([])
      expect(heard.batches.every((batch) => batch.through >= origin.at)).toBe(true)
    })

    test('F6 ends soon and without an error when its signal aborts', async () => {
      const heard = listen(await start())
      await heard.until(() => heard.batches.length > 1)
      await heard.stop()
      expect(await heard.failure()).toBeUndefined()
    })

    test('F7 a read returns the state at the position, or one up to its fence', async () => {
      const { reads } = bench
      if (reads === undefined) return
      await using heard = listen(await start())
      await bench.write({ kind: 'upsert', id: 'p', value: 10 }, { kind: 'delete', id: 'q' })
      const then = await reads.head(signal)
      await bench.write({ kind: 'upsert', id: 'p', value: 11 }, { kind: 'upsert', id: 'q', value: 12 })
      const reply = await reads.read(then, bench.collection, ['p', 'q'], signal)
      if (reply.kind === 'behind-feed') throw new Error('expected a source that shows what was acknowledged')
      const before = [['p', 10]]
      const seen = [...reply.documents].map(([id, document]) => [id, bench.valueOf(document)])
      if (reply.kind === 'exact') return expect(seen).toEqual(before)
      const after = [
        ['p', 11],
        ['q', 12],
      ]
      expect([before, after]).toContainEqual(seen)
      expect(reply.until >= then).toBe(true)
      await heard.until(() => heard.batches.some(({ through }) => through >= reply.until))
      const told = words(
        heard.batches.filter(({ through }) => through <= reply.until).flatMap(({ changes }) => changes),
      )
      // What the read saw precedes the fence.
      if (seen.length === 2) expect(told).toContain('upsert q 12')
    })

    test('F7 a head is at or after everything acknowledged before', async () => {
      const { reads } = bench
      if (reads === undefined) return
      await using heard = listen(await start())
      await bench.write({ kind: 'upsert', id: 'r', value: 14 })
      const head = await reads.head(signal)
      await heard.until(() => heard.batches.some(({ through }) => through >= head))
      expect(words(heard.changes)).toContain('upsert r 14')
    })

    test('F7 a source whose reads lag behind its feed reports it', async () => {
      const { reads, hold } = bench
      if (reads === undefined || hold === undefined) return
      await using heard = listen(await start())
      const release = hold()
      await bench.write({ kind: 'upsert', id: 's', value: 15 })
      await heard.until(() => words(heard.changes).includes('upsert s 15'))
      const at = heard.batches.at(-1)?.through ?? (await reads.head(signal))
      const read = () => reads.read(at, bench.collection, ['s'], signal)
      expect(await read()).toEqual({ kind: 'behind-feed' })
      release()
      expect(await read()).toMatchObject({ kind: 'fenced' })
    })

    test('F8 reports a dropped collection', async () => {
      await bench.write({ kind: 'upsert', id: 'a', value: 13 })
      await using heard = listen(await start())
      await bench.drop()
      await heard.until(() => heard.changes.some((change) => change.kind === 'drop-collection'))
    })

    test('F26 a log emits every document from its start, complete; anything else does not exist', async () => {
      if (bench.reads !== undefined) return
      await bench.write({ kind: 'upsert', id: 't', value: 16 }, { kind: 'upsert', id: 'u', value: 17 })
      await bench.write({ kind: 'update', id: 't', value: 18 })
      await bench.write({ kind: 'delete', id: 'u' })
      await using heard = listen(await start())
      await heard.until(() => heard.batches.some(({ provedAt }) => Number.isFinite(provedAt)))
      const state = new Map<string, number>()
      for (const change of heard.changes) {
        if (change.kind === 'upsert') state.set(change.id, bench.valueOf(change.document))
        else if (change.kind === 'delete') state.delete(change.id)
        else if (change.kind === 'drop-collection') state.clear()
        else throw new Error(`expected the whole content, got ${change.kind}`)
      }
      expect([...state]).toEqual([['t', 18]])
    })

    test('F28 each change has its second, if the source was asked for them', async () => {
      const { source, seconds: asked } = bench
      const secondOf = (position: Position): number => Math.floor((source.wallTimeMs(position) ?? 0) / 1_000)
      const origin = await start()
      await using heard = listen(origin)
      await bench.write({ kind: 'upsert', id: 'v', value: 19 }, { kind: 'upsert', id: 'w', value: 20 })
      await bench.write({ kind: 'upsert', id: 'v', value: 21 })
      await heard.until(() => words(heard.changes).includes('upsert v 21'))
      let after = secondOf(origin.at)
      for (const { changes, seconds, through } of heard.batches) {
        expect(seconds?.length).toBe(asked ? changes.length : undefined)
        for (const second of seconds ?? []) {
          expect(second).toBeGreaterThanOrEqual(after)
          after = second
        }
        expect(after).toBeLessThanOrEqual(secondOf(through))
      }
    })

    test('F9 does not resume if another history is behind the address', async () => {
      const origin = await start()
      const heard = listen(origin)
      await heard.until(() => heard.batches.length > 0)
      await bench.becomeAnother()
      expect(await heard.failure()).toMatchObject({ lost: expect.anything() })
      await using again = listen({ ...origin, at: heard.batches.at(-1)?.through ?? origin.at })
      expect(await again.failure()).toMatchObject({ code: 'SOURCE_CHANGED', lost: true })
      expect(again.batches).toEqual([])
      expect((await start()).source).not.toBe(origin.source)
    })
  })
}

function inWords(bench: SourceBench, change: Change): string {
  if (change.kind === 'upsert') return `upsert ${change.id} ${bench.valueOf(change.document)}`
  return 'id' in change ? `${change.kind} ${change.id}` : change.kind
}
