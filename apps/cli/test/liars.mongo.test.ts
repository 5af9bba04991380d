import { etagOf } from '@freshet/documents'
import { afterAll, expect, test } from '@jest/globals'
import { formatSourcePosition, positionOf, type Position } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { openAuditedRun } from './support/audited-run.ts'
import { openLiar, type AskedFor, type Lie, type Told } from './support/liar.ts'
import { Program } from './support/program.ts'
import {
  bodyOf,
  isDocument,
  isFact,
  isSeveral,
  placed,
  saying,
  seconds,
  shifted,
  toldAt,
  withBody,
  without,
} from './support/told.ts'

const run = await openAuditedRun()
afterAll(() => run[Symbol.asyncDispose]())
const reader = run.readers[0] ?? ''

const truly = (asked: AskedFor, source: string, at: Position, ageS: number): Promise<Told> =>
  toldAt(run.truth, asked, source, at, ageS)
const behind: Told = { status: 503, headers: {}, body: Buffer.alloc(0) }

/** Answers with a fixed position. Requests for a later position are refused, as by a reader that is behind. */
const standing =
  (source: string, cacheStatus: string, ageS: (turn: number) => number): Lie =>
  async (_, asked) => {
    if (asked.headers['freshet-at-least'] !== undefined) return behind
    return saying(await truly(asked, source, past, ageS(asked.turn)), 'cache-status', cacheStatus)
  }

const start = await run.truth.now()
const { position: past, source: trueSource = '' } = start
const unknownSource = '0badc0de'
const lieSometimes =
  (lie: Lie, when: (told: Told, asked: AskedFor) => boolean = isDocument): Lie =>
  (told, asked, response) =>
    when(told, asked) ? lie(told, asked, response) : told
let remembered: string | undefined
/** How often a changed document was reported as unchanged. */
let falselyUnchanged = 0

/** Each states something that the database refutes. */
const lies: Readonly<Record<string, Lie>> = {
  'a different digit': lieSometimes((told) =>
    withBody(
      told,
      bodyOf(told).replace(/\d(?=\D*$)/, (d) => String((Number(d) + 1) % 10)),
    ),
  ),
  'an extra space': lieSometimes((told) => withBody(told, `${bodyOf(told)} `)),
  'an extra field': lieSometimes((told) => withBody(told, bodyOf(told).replace(/}$/, ',"more":1}'))),
  'numbers formatted differently': lieSometimes((told) =>
    withBody(told, bodyOf(told).replace(/"n":(\d+)/, '"n":$1.0')),
  ),
  'strings escaped differently': lieSometimes((told) => withBody(told, bodyOf(told).replace('ä', '\\u00e4'))),
  'a truncated document': lieSometimes((told) => withBody(told, bodyOf(told).slice(0, -3))),
  'an empty body': lieSometimes((told) => withBody(told, '')),
  'the document with another id': lieSometimes(async (told, asked) => {
    const other = remembered ?? bodyOf(told)
    if (!isSeveral(asked)) remembered = bodyOf(told)
    return withBody(told, isSeveral(asked) ? bodyOf(told) : other)
  }),
  'a torn multi-get': lieSometimes(
    (told) =>
      withBody(
        told,
        bodyOf(told).replace(/"n":(\d+)/, (_, n) => `"n":${Number(n) - 1}`),
      ),
    (told, asked) => isDocument(told) && isSeveral(asked),
  ),
  'missing ids omitted': lieSometimes(
    (told) => withBody(told, bodyOf(told).replace(/"missing":\[.*\]/, '"missing":[]')),
    (told, asked) => isDocument(told) && isSeveral(asked),
  ),
  'another ETag': lieSometimes((told) => saying(told, 'etag', '"AAAAAAAAAAAAAAAAAAAAAA"')),
  'a weak ETag': lieSometimes(
    (told) => saying(told, 'etag', `W/${told.headers['etag']}`),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  'an existing document reported as absent': lieSometimes(
    (told) => withBody({ ...told, status: 404 }, '{"type":"https://freshet.dev/problems/not-found"}'),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  'an existing document reported as absent without a problem': lieSometimes(
    (told) => withBody({ ...told, status: 404 }, ''),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  'an absent document reported as existing': lieSometimes(
    (told) => {
      const body = '{"id":"x","n":1}'
      return withBody({ ...saying(told, 'etag', etagOf(Buffer.from(body))), status: 200 }, body)
    },
    ({ status }, { method }) => status === 404 && method === 'GET',
  ),
  'the wrong content type': lieSometimes((told) => saying(told, 'content-type', 'text/html')),
  'no position': (told) => without(told, 'freshet-position'),
  'no Age': (told) => without(told, 'age'),
  'a negative Age': (told) => saying(told, 'age', '-1'),
  'no Cache-Status': (told) => without(told, 'cache-status'),
  'an invalid Cache-Status': (told) => saying(told, 'cache-status', 'freshet; certainly'),
  'no ETag': lieSometimes(
    (told) => without(told, 'etag'),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  'an unknown source': (told) => placed(told, ({ at }) => `${unknownSource}.${at}`),
  'an unknown source with wrong bodies': (told) =>
    placed(isDocument(told) ? withBody(told, '{}') : told, ({ at }) => `${unknownSource}.${at}`),
  'an alternating source': (told, { turn }) =>
    turn % 2 === 0 ? told : placed(told, ({ at }) => `${unknownSource}.${at}`),
  'a new source each time': (told, { turn }) =>
    placed(told, ({ at }) => `${turn.toString(16).padStart(8, '0')}.${at}`),
  backwards: (told, { turn }) => (turn % 2 === 0 ? told : shifted(told, -seconds(2))),
  'backwards under an unknown source': (told, { turn }) =>
    placed(shifted(told, turn % 2 === 0 ? 0n : -seconds(2)), ({ at }) => `${unknownSource}.${at}`),
  'truly backwards': async (told, asked) => (asked.turn % 20 < 10 ? told : truly(asked, trueSource, past, 0)),
  'frozen at a position, with Age 0': standing(trueSource, 'freshet; hit', () => 0),
  'frozen at a position, with an Age that is too low': standing(
    trueSource,
    'freshet; hit',
    (turn) => turn % 3,
  ),
  'frozen under an unknown source, with Age 0': standing(unknownSource, 'freshet; hit', () => 0),
  'an hour ahead': (told) => shifted(told, seconds(3_600)),
  'three seconds ahead': (told) => shifted(told, seconds(3)),
  'the highest position': (told) => placed(told, ({ source }) => `${source}.ffffffffffffffff`),
  'the lowest position': (told, { turn }) =>
    turn % 2 === 0
      ? told
      : placed(told, ({ source }) => formatSourcePosition(source as never, positionOf(1, 1))),
  'older than Freshet-At-Least': async (told, asked) =>
    asked.headers['freshet-at-least'] === undefined ? told : truly(asked, trueSource, past, 3_600),
  '304 for everything': lieSometimes(
    (told) => ({ ...withBody(told, ''), status: 304 }),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  '304 with an old ETag': lieSometimes(
    (told, { headers }) => {
      if (told.status === 200) falselyUnchanged += 1
      return saying({ ...withBody(told, ''), status: 304 }, 'etag', headers['if-none-match'] ?? '')
    },
    (told, { headers }) => isFact(told) && headers['if-none-match'] !== undefined,
  ),
  '412 for everything': lieSometimes(
    (told) =>
      withBody({ ...told, status: 412 }, '{"type":"https://freshet.dev/problems/precondition-failed"}'),
    (told, asked) => isDocument(told) && !isSeveral(asked),
  ),
  'a HEAD with another length': (told, { method }) =>
    method === 'HEAD' && told.status === 200 ? saying(told, 'content-length', '1') : told,
  'a HEAD with another ETag': (told, { method, url }) =>
    method === 'HEAD' && told.status === 200 && !url.includes('?')
      ? saying(told, 'etag', '"AAAAAAAAAAAAAAAAAAAAAA"')
      : told,
}

/** Each is evasive: nothing is wrong, and nothing is proved. */
const hiders: Readonly<Record<string, Lie>> = {
  'never answers': () => undefined,
  'always fails': (told) => ({
    ...withBody(told, '{"type":"https://freshet.dev/problems/internal"}'),
    status: 500,
  }),
  'never has the collection': (told) => ({
    ...withBody(
      without(told, 'freshet-position'),
      '{"type":"https://freshet.dev/problems/unknown-collection"}',
    ),
    status: 404,
  }),
  'redirects everything': (told) => ({ ...saying(withBody(told, ''), 'location', reader), status: 302 }),
  'truncates every answer': (_, __, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{')
    setTimeout(() => response.destroy(), 1)
    return undefined
  },
  'reports a huge age': (told, { headers }) =>
    headers['freshet-at-least'] !== undefined
      ? { ...withBody(told, ''), status: 503, headers: {} }
      : placed(
          saying(withBody(told, '{}'), 'age', '999999999'),
          ({ source }) => `${source}.0000000100000001`,
        ),
  'frozen, and admits that it is unproved': standing(trueSource, 'freshet; hit; detail=unproved', () => 0),
  'refuses one collection': (told, { url }) =>
    url.startsWith('/v1/marks') ? { ...withBody(told, ''), status: 503 } : told,
}

/** A reader that admits to be unproved is believed for a while. */
const expected = (name: string): unknown => {
  if (name === 'frozen, and admits that it is unproved') return expect.stringMatching(/^(?:unproved|wrong)$/)
  return name in lies ? 'wrong' : 'unproved'
}

const all = [...Object.entries(lies), ...Object.entries(hiders)]
/** Each group is audited separately, so that every liar is asked often enough to be detected. */
const groups = [0, 1, 2, 3].map((group) => all.filter((_, at) => at % 4 === group))

test.each(groups)(
  'P2 P8 every kind of lying reader is detected, an evasive one is unproved, and the honest one passes: %#',
  async (...named) => {
    const liars = await Promise.all(
      named.map(async ([name, lie]) => ({ name, liar: await openLiar(reader, lie) })),
    )
    try {
      const enough = new AbortController()
      // During the first second there is no evidence against an Age.
      const asked = eventually(
        () => {
          const left = liars.filter(({ name, liar }) => name in lies && !liar.wasRevealed())
          expect(left.map(({ name }) => name)).toEqual([])
          if (named.some(([name]) => name === '304 with an old ETag'))
            expect(falselyUnchanged).toBeGreaterThan(3)
        },
        // MongoDB keeps snapshot history for five minutes, and four groups need it.
        { withinMs: 240_000 },
      ).finally(() => enough.abort())
      const { readers, outcome, examples } = await run.audit(
        [reader, ...liars.map(({ liar }) => liar.url)],
        enough.signal,
      )
      await asked
      const said = Object.fromEntries(
        liars.map(({ name, liar }) => {
          const counts = readers[liar.url]
          const found =
            counts === undefined
              ? 'not asked'
              : counts.wrong > 0
                ? 'wrong'
                : counts.unproved.length > 0
                  ? 'unproved'
                  : 'right'
          return [name, found]
        }),
      )
      expect(said).toEqual(Object.fromEntries(named.map(([name]) => [name, expected(name)])))
      expect(examples.filter((example) => example.reader === reader)).toEqual([])
      expect(readers[reader]).toMatchObject({ wrong: 0, unproved: [] })
      expect(readers[reader]?.audited).toBeGreaterThan(20)
      expect(outcome).toBe('wrong')
    } finally {
      await Promise.all(liars.map(({ liar }) => liar[Symbol.asyncDispose]()))
    }
  },
)

test('P2 negative control: an unmodified proxy passes, in every collection and with every id type', async () => {
  await using honest = await openLiar(reader, (told) => told)
  const { outcome, readers, examples, unjudged } = await run.audit([honest.url], 3_000)
  expect({ outcome, examples, unjudged }).toEqual({ outcome: 'right', examples: [], unjudged: {} })
  expect(readers[honest.url]).toMatchObject({ unproved: [] })
})

test('P8 negative control: a frozen reader that reports its true age passes', async () => {
  await using old = await openLiar(
    reader,
    standing(trueSource, 'freshet; hit', () => 3_600),
  )
  const { outcome, examples, readers } = await run.audit([old.url], 4_000)
  expect({ outcome, examples }).toEqual({ outcome: 'right', examples: [] })
  expect(readers[old.url]).toMatchObject({ oldestS: 3_600 })
})

const audit = (...args: readonly string[]): Program => new Program(['audit', '--json', ...args], run.dev.cwd)

test('exit code 0: right, 1: wrong, 3: too little checked', async () => {
  await using liar = await openLiar(reader, lies['an extra space'] ?? (() => undefined))
  await using failing = await openLiar(reader, hiders['always fails'] ?? (() => undefined))
  await using right = audit('--for=2s')
  await using wrong = audit('--for=1s', `--reader-urls=${reader},${liar.url}`)
  await using unproved = audit('--for=1s', `--reader-urls=${reader},${failing.url}`)
  expect(await right.outcome).toMatchObject({ code: 0, said: '' })
  expect((await wrong.outcome).code).toBe(1)
  const { code, printed } = await unproved.outcome
  expect(code).toBe(3)
  expect(JSON.parse(printed)).toMatchObject({ outcome: 'unproved', wrong: 0 })
})

test.each([
  ['an unreachable database', 69, [], 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200'],
  ['no such database user', 78, [], 'wrong password'],
  ['no collection files', 78, ['--collections=/nowhere'], undefined],
  ['no such option', 78, ['--fore=1s'], undefined],
  ['a reader that is not a URL', 78, ['--reader-urls=localhost'], undefined],
])('the exit code says that nothing was audited: %s', async (_, expected, args, db) => {
  const uri = db === 'wrong password' ? run.auditor.replace(/:[^:@]+@/, ':x@') : db
  await using program = new Program(['audit', '--for=1s', ...args], run.dev.cwd, {
    env: uri === undefined ? {} : { FRESHET_DB: uri },
  })
  const { code, said, printed } = await program.outcome
  expect({ code, printed }).toEqual({ code: expected, printed: '' })
  expect(said).toMatch(/^freshet audit: /)
})
