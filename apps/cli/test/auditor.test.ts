import { expect, test } from '@jest/globals'
import { etagOf } from '@freshet/collections'
import { systemClock } from '@freshet/kit'
import { positionOf, parseSourceId } from '@freshet/protocol'
import { seededRandom } from '@freshet/testkit'
import { Auditor } from '../src/audit/auditor.ts'
import type { Answer, Question, ReaderDoor, Truth, TruthSource } from '../src/audit/contract.ts'
import { inWords, passes } from '../src/audit/report.ts'
import type { AuditSummary } from '../src/audit/report.ts'

const source = parseSourceId('0123abcd')
const ids = Array.from({ length: 20 }, (_, at) => `d${at}`)

/** A history in which every document carries the tick it was asked at, so that any other position shows. */
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

  async source() {
    return source
  }
}

/** A reader that tells the truth of the moment; the controls below change its answers. */
class HonestReader implements ReaderDoor {
  readonly url: string
  readonly history: CountingHistory

  constructor(history: CountingHistory, url = 'http://reader') {
    this.history = history
    this.url = url
  }

  async ask({ ids: asked, form }: Question): Promise<Answer> {
    this.history.tick += 1
    const at = this.history.tick
    const items = asked.filter((id) => ids.includes(id)).map((id) => this.history.documentAt(at, id))
    const missing = asked.filter((id) => !ids.includes(id))
    const common = { problem: undefined, source, position: positionOf(0, at) }
    const [item] = items
    if (form === 'several') {
      const body = Buffer.from(`{"items":[${items.join()}],"missing":${JSON.stringify(missing)}}`)
      return { ...common, status: 200, body, etag: undefined }
    }
    if (item === undefined)
      return { ...common, status: 404, body: Buffer.from('{}'), etag: undefined, problem: 'not-found' }
    return { ...common, status: 200, body: item, etag: etagOf(item) }
  }
}

/** Asks about 200 questions and then stops. */
async function audit(history: TruthSource, ...readers: readonly ReaderDoor[]): Promise<AuditSummary> {
  const enough = new AbortController()
  let asked = 0
  const counting = (reader: ReaderDoor): ReaderDoor => ({
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

test('an honest reader is found without a fault', async () => {
  const history = new CountingHistory()
  const { audited, wrong, unjudged } = await audit(history, new HonestReader(history))
  expect({ wrong, unjudged }).toEqual({ wrong: 0, unjudged: {} })
  expect(audited).toBeGreaterThanOrEqual(200)
})

/** Each lie is told in about one answer of four. */
const lies: Record<string, (answer: Answer, at: number) => Answer> = {
  'says a newer position than that of the document': (answer, at) => ({
    ...answer,
    position: positionOf(0, at + 1),
  }),
  'answers with a byte too many': (answer) => ({
    ...answer,
    body: Buffer.concat([answer.body, Buffer.from(' ')]),
  }),
  'takes a document for absent': (answer) => ({ ...answer, status: 404, problem: 'not-found' }),
  'names no position': (answer) => ({ ...answer, position: undefined }),
}

test.each(Object.entries(lies))('negative control: a reader that %s is found', async (_name, lie) => {
  const history = new CountingHistory()
  class Liar extends HonestReader {
    override async ask(question: Question): Promise<Answer> {
      const answer = await super.ask(question)
      // Only where it is a lie: an absent document has no bytes to be wrong.
      return answer.status === 200 && history.tick % 4 === 0 ? lie(answer, history.tick) : answer
    }
  }
  const { wrong, audited } = await audit(history, new Liar(history))
  expect(wrong).toBeGreaterThan(10)
  expect(wrong).toBeLessThan(audited)
})

test.each([0, 1, 2])(
  'negative control: of three readers the liar is found, also as number %d',
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

test('negative control: a reader that goes back to an older state, truly answered, is found', async () => {
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

test('a reader that does not answer, or names another source, is not judged', async () => {
  const history = new CountingHistory()
  class Foreign extends HonestReader {
    override async ask(question: Question): Promise<Answer> {
      const answer = await super.ask(question)
      if (history.tick % 2 === 0) throw new Error('refused')
      return { ...answer, source: parseSourceId('ffffffff') }
    }
  }
  const { audited, unjudged } = await audit(history, new Foreign(history))
  expect(audited).toBe(0)
  expect(Object.keys(unjudged).sort()).toEqual(['no answer: refused', 'the reader names another source'])
})

test('a reader that never answers is named, and nothing is proved of it, whatever the others answer', async () => {
  const history = new CountingHistory()
  const refused = (question: Question): Error =>
    new TypeError('fetch failed', {
      cause: Object.assign(new Error(`at http://dead/v1/${question.ids.join()}`), { code: 'ECONNREFUSED' }),
    })
  const dead: ReaderDoor = { url: 'http://dead', ask: (question) => Promise.reject(refused(question)) }
  const summary = await audit(history, new HonestReader(history), dead)
  expect(summary.audited).toBeGreaterThan(50)
  expect(summary.readers['http://dead']).toEqual({
    audited: 0,
    wrong: 0,
    unjudged: { 'no answer: ECONNREFUSED': expect.any(Number) },
  })
  expect(passes(summary)).toBe(false)
  expect(inWords(summary)).toMatch(
    /^\d+ answers audited, 0 wrong\n {2}NOTHING PROVED of http:\/\/dead: .*\n {2}\d+ of http:\/\/dead not judged: no answer: ECONNREFUSED$/,
  )
  const { readers, ...all } = summary
  expect(passes({ ...all, readers: { 'http://reader': readers['http://reader'] ?? all } })).toBe(true)
})

test('reasons are few: beyond twenty they are counted together', async () => {
  const history = new CountingHistory()
  let asked = 0
  const odd: ReaderDoor = {
    url: 'http://odd',
    ask: () => Promise.reject(new Error(`refused for the ${(asked += 1)}th time`)),
  }
  const { unjudged } = await audit(history, odd)
  expect(Object.keys(unjudged)).toHaveLength(21)
  expect(unjudged['other reasons']).toBeGreaterThan(100)
})
