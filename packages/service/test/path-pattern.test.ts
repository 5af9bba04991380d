import { expect, test } from '@jest/globals'
import { ProblemError } from '@freshet/protocol'
import * as fc from 'fast-check'
import { normalizeUrl, RouteTable, type Route } from '../src/index.ts'
import { PathPattern } from '../src/path-pattern.ts'

test('S1 every id is parsed from its URL, however much of it is percent-encoded', () => {
  const pattern = new PathPattern('/{collection}/{id}')
  const char = fc.constantFrom(...'abzABZ019_~@|:.-'.split(''))
  const id = fc
    .string({ unit: char, minLength: 1, maxLength: 256 })
    .filter((text) => text !== '.' && text !== '..')
  const property = fc.property(id, fc.array(fc.boolean()), (wanted, encode) => {
    const hex = (text: string): string => `%${text.charCodeAt(0).toString(16).padStart(2, '0')}`
    const sent = wanted
      .split('')
      .map((text, at) => (encode[at] ? hex(text) : text))
      .join('')
    expect(pattern.match(normalizeUrl(`/things/${sent}`))).toEqual({ collection: 'things', id: wanted })
  })
  fc.assert(property)
})

test('S1 parsing a path fails only with a problem', () => {
  const row: Route = { methods: ['GET'], path: '/{collection}/{id}', who: 'public', answer: () => undefined }
  const handle = new RouteTable({ routes: [row] }).handlerAt('/v1')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const url of [text, `/v1/${text}`, `/v1/products/${text}`]) {
        const request = { method: 'GET', url, headers: {} }
        const response = { end: () => undefined }
        try {
          // The only part that the table uses.
          Reflect.apply(handle, undefined, [request, response])
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemError)
        }
      }
    }),
  )
})

const segment = fc.constantFrom('{a}', '{b}', '{a}:history', ':batch', 'latest', 'price', 'x')
const patterns = fc
  .array(segment, { minLength: 1, maxLength: 3 })
  .map((segments) => segments.map((one, at) => one.replace(/[ab](?=\})/, (name) => name + 'xyz'[at])))
  .map((segments) => `/${segments.join('/')}`)

/** A path for each pattern, made of valid values of its parameters. */
const pathFor = (text: string, value: string): string => text.replaceAll(/\{[^}]*\}/g, value)

test('S1 specificity is a total order, and the more specific path comes first', () => {
  const pattern = patterns.map((text) => new PathPattern(text))
  const compare = (one: PathPattern, other: PathPattern): number =>
    Math.sign(PathPattern.bySpecificity(one, other))
  fc.assert(
    fc.property(pattern, pattern, pattern, (a, b, c) => {
      expect(compare(a, b) + compare(b, a)).toBe(0)
      expect(compare(a, b) === 0).toBe(a.shape === b.shape)
      if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0)
      // A pattern that matches a superset of another one's paths comes after it.
      const wider = ['v', 'latest'].every((value) => b.match(pathFor(a.text, value)) !== undefined)
      if (wider && a.shape !== b.shape) expect(compare(a, b)).toBe(-1)
    }),
    { numRuns: 2_000 },
  )
})

test('S1 the order in which routes are declared does not matter', () => {
  const paths = ['/{collection}/{id}', '/{collection}', '/{collection}/latest', '/{collection}/{id}:history']
  const route = (path: string): Route => ({ methods: ['GET'], path, who: 'public', answer: () => undefined })
  const order = (texts: readonly string[]): readonly string[] =>
    new RouteTable({ routes: texts.map(route) }).paths.map(({ pattern }) => pattern.text)
  fc.assert(
    fc.property(fc.shuffledSubarray(paths, { minLength: paths.length }), (texts) => {
      expect(order(texts)).toEqual([
        '/{collection}/latest',
        '/{collection}/{id}:history',
        '/{collection}/{id}',
        '/{collection}',
      ])
    }),
  )
})
