import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { LinearPattern } from '../src/linear-pattern.ts'
import { PatternError } from '../src/pattern-program.ts'
import { Steps } from '../src/steps.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

/** Building blocks for random patterns. */
const leaf = fc.constantFrom(
  'a',
  'b',
  '\\.',
  '.',
  '\\d',
  '\\w',
  '\\s',
  '\\S',
  '[ab]',
  '[^a]',
  '[a-c\\d_]',
  '\\p{L}',
  '\\P{Lu}',
  'é',
  '😀',

  '\\u{1F600}',
  '\\x41',
  '\\cA',
  '\\t',
  '\\/',
  '\\-',
  '[\\b]',
  '[\\-\\]]',
  '^',
  '$',
  '\\b',
  '\\B',
  '',
  '(?:)',
)
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{0,3}', '{1,}', '*?', '??'))
      .map(([a, times]) => `(${a})${times}`),
  ),
}))
const text = fc
  .array(
    fc.constantFrom(
      'a',
      'a',
      'b',
      'b',
      'c',
      'A',
      '1',
      '_',
      '.',
      '-',
      '/',
      ' ',
      '\n',
      '\t',
      'é',
      '😀',
      '\u2028',
      '\u0001',
    ),
    { maxLength: 12 },
  )
  .map((all) => all.join(''))

test(`B19 a pattern matches exactly what the JavaScript engine matches (seed ${seed})`, () => {
  const seen = { matched: 0, failed: 0 }
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 3 }), (source, texts) => {
      // `\-` outside a class is invalid with `u`, for both.
      let own: RegExp
      try {
        own = new RegExp(source, 'u')
      } catch {
        expect(() => new LinearPattern(source, new Steps())).toThrow(PatternError)
        return
      }
      const linear = new LinearPattern(source, new Steps())
      for (const one of texts) {
        // V8 also finds non-boundaries inside a surrogate pair; the standard does not.
        if (source.includes('\\B') && one.includes('😀')) continue
        const matches = own.test(one)
        seen[matches ? 'matched' : 'failed'] += 1
        expect([source, one, linear.test(one)]).toEqual([source, one, matches])
      }
    }),
    { seed, numRuns: 1_500 },
  )
  expect(Math.min(seen.matched, seen.failed)).toBeGreaterThan(500)
})

test('B19 clearing the cache does not change matches', () => {
  const linear = new LinearPattern('^[\\p{L}é-ü]*(?:a|b)*a(?:a|b){12}$', new Steps())
  const own = /^[\p{L}é-ü]*(?:a|b)*a(?:a|b){12}$/u
  let state = seed
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
  for (let run = 0; run < 30; run += 1) {
    const letters = Array.from({ length: 300 }, () =>
      String.fromCodePoint(0x4e00 + Math.floor(random() * 20_000)),
    )
    const tail = Array.from({ length: 400 }, () => (random() < 0.5 ? 'a' : 'b'))
    const one = [...letters, ...tail, ...(random() < 0.3 ? ['c'] : [])].join('')
    expect(linear.test(one)).toBe(own.test(one))
  }
})

/** Patterns and texts that take a backtracking engine seconds or years. */
const evil: readonly (readonly [string, (length: number) => string])[] = [
  ['^\\S+@\\S+\\.\\S+$', (length) => '@'.repeat(length)],
  ['^(a+)+$', (length) => `${'a'.repeat(length)}!`],
  ['^(?:a|aa)+$', (length) => `${'a'.repeat(length)}!`],
  ['(?:.*a){12}x', (length) => 'a'.repeat(length)],
  ['^(?:[a-z]+)*\\d$', (length) => 'a'.repeat(length)],
  ['(?:a?){50}a{50}b', (length) => 'a'.repeat(length)],
  ['\\s+$', (length) => `${' '.repeat(length)}!`],
  ['^(?:\\w+\\s?)*$', (length) => `${'word '.repeat(length / 5)}!`],
]

test.each(evil)('B19 the steps of %s are linear in the text', (source, textOf) => {
  const stepsOf = (length: number): number => {
    const steps = new Steps()
    steps.begin(1e9)
    expect(new LinearPattern(source, steps).test(textOf(length))).toBe(false)
    return 1e9 - steps.left
  }
  // Ten times the text takes at most ten times the steps, including building the cache.
  expect(stepsOf(100_000)).toBeLessThanOrEqual(10.1 * stepsOf(10_000))
  expect(stepsOf(100_000)).toBeLessThan(200_000)
})

test('B19 without cache hits, a pattern takes at most its number of states per character', () => {
  const steps = new Steps()
  steps.begin(1e9)
  let state = 1
  const letters = Array.from({ length: 20_000 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 16) % 2 === 0 ? 'a' : 'b'
  })
  expect(new LinearPattern('(?:a|b)*a(?:a|b){60}c', steps).test(letters.join(''))).toBe(false)
  expect(1e9 - steps.left).toBeLessThan(20_000 * 10 * 400)
})

test.each([
  ['(?=a)b', 'without look-around, such as (?=a) (use several patterns under allOf'],
  ['(?<!a)b', 'without look-around'],
  ['(a)\\1', 'without back-references, such as \\1'],
  ['(?<n>a)\\k<n>', 'without back-references'],
  ['a{10001}', 'at most 10000 states'],
  ['(?:(?:a{1000}){1000}){1000}', 'at most 10000 states'],
  ['(?:(?:){1000000}){1000000}', 'at most 10000 states'],
  ['a{,5}', 'Incomplete quantifier'],
  ['[b-a]', 'Range out of order'],
  ['(', 'Unterminated group'],
])('B19 %s is rejected with the reason', (source, why) => {
  expect(() => new LinearPattern(source, new Steps())).toThrow(PatternError)
  expect(() => new LinearPattern(source, new Steps())).toThrow(why)
})
