import { expect, test } from '@jest/globals'
import { etagOf } from '@freshet/documents'
import { systemClock } from '@freshet/kit'
import { positionOf, parseSourceId } from '@freshet/protocol'
import { seededRandom } from '@freshet/testkit'
import { Auditor } from '../src/audit/auditor.ts'
import type {
  Answer,
  Changed,
  Moment,
  Question,
  ReaderClient,
  SourceAt,
  Truth,
  TruthSource,
} from '../src/audit/contract.ts'
import { formatSummary } from '../src/audit/report.ts'
import type { AuditSummary } from '../src/audit/report.ts'

const source = parseSourceId('0123abcd')
const ids = Array.from({ length: 20 }, (_, at) => `d${at}`)

/**
 * A history whose documents all carry the tick they were read at, so an answer for any other position is recognizable.
 */
class CountingHistory implements TruthSource {
  tick = 1

  documentAt(tick: number, id: string): Buffer {
    return Buffer.from(`{"id":"${id}","tick":${tick}}`)
  }

  async at(position: string, _collection: string, asked: readonly string[]): Promise<Truth> {
    const tick = Number.parseInt(position.slice(8), 16)
    const present = asked.filter((id) => ids.includes(id))
    return { kind: 'known', documents: new Map(present.map((id) => [id, this.documentAt(tick, id)])) }
  }

  async someIds(): Promise<readonly string[]> {
    return ids
  }

  absentId(_collection: string, random: () => number): string {
    return `absent-${Math.floor(random() * 1_000)}`
  }

  async now(): Promise<Moment> {
    return { source, position: positionOf(0, this.tick), server: 'one' }
  }

  async sourceAt(): Promise<SourceAt> {
    return { kind: 'known', source }
  }

  async changedWithin(after: string, until: string): Promise<Changed> {
    return after < until ? { kind: 'yes', at: positionOf(0, this.tick) } : { kind: 'no' }
  }
}

/** A reader that always answers correctly; the controls below falsify its answers. */
class HonestReader implements ReaderClient {
  readonly url: string
  readonly history: CountingHistory

  constructor(history: CountingHistory, url = 'http://reader') {
    this.history = history
    this.url = url
  }

  async ask({ ids: asked, form, method, condition }: Question): Promise<Answer> {
    this.history.tick += 1
    const at = this.history.tick
    const items = asked.filter((id) => ids.includes(id)).map((id) => this.history.documentAt(at, id))
    const missing = asked.filter((id) => !ids.includes(id))
    const common = {
      problem: undefined,
      etag: undefined,
      contentType: 'application/json',
      contentLength: undefined,
      ageS: 0,
      cacheStatus: 'freshet; hit',
      source,
      position: positionOf(0, at),
    }
    const withBody = (body: Buffer): Pick<Answer, 'status' | 'body' | 'contentLength'> => ({
      status: 200,
      body: method === 'GET' ? body : Buffer.alloc(0),
      contentLength: body.length,
    })
    const [item] = items
    if (form === 'several')
      return {
        ...common,
        ...withBody(Buffer.from(`{"items":[${items.join()}],"missing":${JSON.stringify(missing)}}`)),
      }
    if (item === undefined) return { ...common, status: 404, body: Buffer.from('{}'), problem: 'not-found' }
    const etag = etagOf(item)
    if (condition?.kind === 'none-match' && condition.etag === etag)
      return { ...common, status: 304, body: Buffer.alloc(0), etag }
    if (condition?.kind === 'match' && condition.etag !== etag)
      return { ...common, status: 412, body: Buffer.from('{}'), etag, problem: 'precondition-failed' }
    return { ...common, ...withBody(item), etag }
  }
}

/** Asks about 200 questions and then stops. */
async function audit(history: TruthSource, ...readers: readonly ReaderClient[]): Promise<AuditSummary> {
  const enough = new AbortController()
  let asked = 0
  const counting = (reader: ReaderClient): ReaderClient => ({
    url: reader.url,
    ask: (question) => {
      asked += 1
      if (asked >= 200) enough.abort()
      return reader.ask(question)
    },
  })
  const auditor = new Auditor({
    truth: history,
    readers: readers.map(counting),
    collections: ['products'],
    clock: systemClock,
    random: seededRandom(7).next,
    concurrency: 2,
    pauseMs: 0,
  })
  return auditor.run(enough.signal)
}

test('an honest reader passes', async () => {
  const history = new CountingHistory()
  const summary = await audit(history, new HonestReader(history))
  const { audited, wrong, unjudged, examples, outcome } = summary
  expect({ wrong, unjudged, examples, outcome }).toEqual({
    wrong: 0,
    unjudged: {},
    examples: [],
    outcome: 'right',
  })
  expect(audited).toBeGreaterThanOrEqual(200)
})

/** Each lie is told in about one answer out of four. */
const lies: Record<string, (answer: Answer, at: number) => Answer> = {
  'reports a position older than the document': (answer, at) => ({
    ...answer,
    position: positionOf(0, at - 1),
  }),
  'appends a byte to the body': (answer) => ({
    ...answer,
    body: Buffer.concat([answer.body, Buffer.from(' ')]),
  }),
  'reports another length': (answer) => ({ ...answer, body: Buffer.from('x'), contentLength: 1 }),
  'reports another content type': (answer) => ({ ...answer, contentType: 'text/html' }),
  'reports a position that the database has not reached': (answer, at) => ({
    ...answer,
    position: positionOf(0, at + 5_000),
  }),
  'omits Age': (answer) => ({ ...answer, ageS: undefined }),
  'omits Cache-Status': (answer) => ({ ...answer, cacheStatus: undefined }),
  'reports a source that never existed': (answer) => ({ ...answer, source: parseSourceId('ffffffff') }),
  'always answers 304': (answer) => ({ ...answer, status: 304, body: Buffer.alloc(0) }),
  'always answers 412': (answer) => ({ ...answer, status: 412, body: Buffer.from('{}') }),
  'reports an existing document as absent': (answer) => ({ ...answer, status: 404, problem: 'not-found' }),
  'omits the position': (answer) => ({ ...answer, position: undefined }),
}

test.each(Object.entries(lies))('negative control: a reader that %s is detected', async (_name, lie) => {
  const history = new CountingHistory()
  class Liar extends HonestReader {
    override async ask(question: Question): Promise<Answer> {
      const answer = await super.ask(question)
      // Only where this is a lie: an absent document has no bytes to falsify.
      return answer.status === 200 && history.tick % 4 === 0 ? lie(answer, history.tick) : answer
    }
  }
  const { wrong, audited } = await audit(history, new Liar(history))
  expect(wrong).toBeGreaterThan(10)
  expect(wrong).toBeLessThan(audited)
})

test.each([0, 1, 2])(
  'negative control: of three readers, the lying one at index %d is detected',
  async (place) => {
    const history = new CountingHistory()
    class Liar extends HonestReader {
      override async ask(question: Question): Promise<Answer> {
        return { ...(await super.ask(question)), position: undefined }
      }
    }
    const readers = [0, 1, 2].map((at) =>
      at === place ? new Liar(history, 'http://liar') : new HonestReader(history, `http://honest-${at}`),
    )
    const { wrong, audited, examples } = await audit(history, ...readers)
    expect(new Set(examples.map(({ reader }) => reader))).toEqual(new Set(['http://liar']))
    expect(wrong).toBeGreaterThan(10)
    expect(audited).toBeGreaterThan(wrong)
  },
)

test('negative control: a reader that goes back to an older, correct state is detected', async () => {
  const history = new CountingHistory()
  class Backwards extends HonestReader {
    override ask(question: Question): Promise<Answer> {
      if (history.tick % 50 === 0) history.tick -= 20
      return super.ask(question)
    }
  }
  const { examples } = await audit(history, new Backwards(history))
  expect(examples.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^went backwards/))
})

test('a reader that sometimes does not answer is judged by its other answers', async () => {
  const history = new CountingHistory()
  class Moody extends HonestReader {
    override async ask(question: Question): Promise<Answer> {
      const answer = await super.ask(question)
      if (history.tick % 2 === 0) throw new Error('refused')
      return answer
    }
  }
  const { outcome, audited, refused, unjudged } = await audit(history, new Moody(history))
  expect({ outcome, unjudged }).toEqual({ outcome: 'right', unjudged: {} })
  expect(refused).toEqual({ 'no answer: refused': expect.any(Number) })
  expect(audited).toBeGreaterThan(50)
})

test('facts that cannot be checked prove nothing, even if some others can be', async () => {
  class Forgetful extends CountingHistory {
    override async at(position: string, collection: string, asked: readonly string[]): Promise<Truth> {
      if (this.tick % 5 === 0) return { kind: 'unknown', reason: 'too old' }
      return super.at(position, collection, asked)
    }
  }
  const history = new Forgetful()
  const { outcome, wrong, unjudged, readers } = await audit(history, new HonestReader(history))
  expect({ outcome, wrong }).toEqual({ outcome: 'unproved', wrong: 0 })
  expect(Object.keys(unjudged)).toEqual(['too old'])
  expect(readers['http://reader']?.unproved).toEqual([expect.stringMatching(/^only \d+ of its \d+ facts/)])
})

test('a reader that never answers is reported as unproved, whatever the others answer', async () => {
  const history = new CountingHistory()
  const refused = (question: Question): Error =>
    new TypeError('fetch failed', {
      cause: Object.assign(new Error(`at http://dead/v1/${question.ids.join()}`), { code: 'ECONNREFUSED' }),
    })
  const dead: ReaderClient = { url: 'http://dead', ask: (question) => Promise.reject(refused(question)) }
  const summary = await audit(history, new HonestReader(history), dead)
  expect(summary.audited).toBeGreaterThan(50)
  expect(summary.readers['http://dead']).toEqual({
    audited: 0,
    wrong: 0,
    proved: 0,
    oldestS: 0,
    unjudged: {},
    refused: { 'no answer: ECONNREFUSED': expect.any(Number) },
    unproved: ['none of its answers could be checked'],
  })
  expect(summary.outcome).toBe('unproved')
  expect(formatSummary(summary)).toMatch(
    /^\d+ answers audited, 0 wrong\n {2}\d+ of \S+, 0 wrong\n {2}0 of http:\/\/dead, 0 wrong\n {2}TOO LITTLE CHECKED of http:\/\/dead: .*\n {2}\d+ of http:\/\/dead no fact: no answer: ECONNREFUSED$/,
  )
})

test('beyond twenty, reasons are counted together', async () => {
  const history = new CountingHistory()
  let asked = 0
  const odd: ReaderClient = {
    url: 'http://odd',
    ask: () => Promise.reject(new Error(`refused for the ${(asked += 1)}th time`)),
  }
  const { refused } = await audit(history, odd)
  expect(Object.keys(refused)).toHaveLength(21)
  expect(refused['other reasons']).toBeGreaterThan(100)
})
