import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually, seededRandom } from '@freshet/testkit'
import type { UserReads } from '../src/contract.ts'
import type { Backend } from '../src/backend/contract.ts'
import { CHAOS_ARGS, runChaos } from './chaos/chaos.ts'
import { describeReport, describeTraces } from './chaos/report.ts'
import type { Lens } from './chaos/user.ts'
import { startDelivery } from './support/real-delivery.ts'
import { openSystem, type System } from './support/system.ts'

let system: System
/** Never says where it was. */
const withoutRecovery = (): Lens => ({
  sent: (frame) =>
    frame
      .split('\n')
      .map((line) => {
        const { connect, ...command } = JSON.parse(line)
        return JSON.stringify(connect ? { ...command, connect: { ...connect, subs: {} } } : command)
      })
      .join('\n'),
})

/** Takes every recovery for complete. */
const withoutFloor = (): Lens => ({
  received: (frame) =>
    frame.includes('"was_recovering":true') ? frame.replace('"recovered":false', '"recovered":true') : frame,
})

/** Gets each second push before the first. */
function withoutOrder(): Lens {
  let held: string | undefined
  return {
    received: (frame) => {
      const lines: string[] = []
      for (const line of frame.split('\n')) {
        const isMessage = line.startsWith('{"push"') && line.includes('"type":"message"')
        if (isMessage && held === undefined) held = line
        else {
          lines.push(line)
          if (isMessage && held !== undefined) {
            lines.push(held)
            held = undefined
          }
        }
      }
      // A ping, so that there is a frame.
      return lines.length === 0 ? '{}' : lines.join('\n')
    },
  }
}

/** An instance on which whoever ever was a member of a group sees all of it. */
function withoutIntervals(backend: Backend): Backend {
  const reads: UserReads = {
    load: async (user, at, signal) => {
      const state = await backend.reads.load(user, at, signal)
      return { ...state, memberships: state.memberships.map((one) => ({ ...one, intervals: [{ from: 0 }] })) }
    },
  }
  return {
    ...backend,
    reads,
    contentOf: (change) => {
      const content = backend.contentOf(change)
      if (content.kind !== 'membership') return content
      return { ...content, membership: { ...content.membership, intervals: [{ from: 0 }] } }
    },
  }
}

describe('chaos', () => {
  beforeAll(async () => {
    system = await openSystem({ nodes: 3, args: CHAOS_ARGS })
  }, 120_000)
  afterAll(() => system[Symbol.asyncDispose]())

  test('A15 under random failures everyone gets exactly what is addressed to them, in order, and is told of each gap', async () => {
    const report = await runChaos({ system, random: seededRandom(), seconds: 30 })
    process.stderr.write(`${describeReport(report)}\n${describeTraces(report)}`)
    expect(report.faults).toEqual(new Map())
    expect(report.lostByWriter).toEqual([])
    expect(report.recoveries).toBeGreaterThan(0)
    expect(report.gaps).toBeGreaterThan(0)
  })

  test('A16 the run notices when recovery, the floor of the ring, the order or the membership intervals are taken away', async () => {
    await using faulty = await startDelivery({ uri: system.db.uriFor('delivery'), wrap: withoutIntervals })
    await faulty.ready()
    const lenses = [withoutRecovery, withoutFloor, withoutOrder, undefined]
    await eventually(async () => {
      const report = await runChaos({
        system,
        random: seededRandom(),
        seconds: 10,
        lensOf: (user) => lenses[user % lenses.length],
        urlOf: (user) => (user % lenses.length === 3 ? faulty.webSocketUrl : undefined),
      })
      process.stderr.write(`${describeReport(report)}\n`)
      const found = lenses.map((_, kind) =>
        [...report.faults]
          .filter(([user]) => user % lenses.length === kind)
          .flatMap(([, faults]) => [...faults.keys()]),
      )
      expect(found[0]).toContain('missing')
      expect(found[1]).toContain('missing')
      expect(found[2]).toContain('inversion')
      expect(found[3]).toContain('foreign')
    })
  })
})
