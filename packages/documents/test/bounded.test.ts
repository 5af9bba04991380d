import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import type { JsonValue } from '../src/contract.ts'
import { recursionOf } from '../src/recursion.ts'
import { SchemaCompiler } from '../src/schema-check.ts'
import { Steps } from '../src/steps.ts'
import { UniqueItems } from '../src/unique-items.ts'

const here = import.meta.dirname

/** Long after bounded validation ends, and long before unbounded would. */
const killAfterMs = 240_000

test('B20 validation of 1 MB bodies of any shape is bounded, even for schemas that explode elsewhere', async () => {
  const hooks = join(here, '../../testkit/hooks/from-source.mjs')
  const child = await promisify(execFile)(
    process.execPath,
    ['-C', '@freshet/source', '--import', hooks, join(here, 'support/bounded-child.ts')],
    { timeout: killAfterMs, killSignal: 'SIGKILL' },
  )
  const { checks, refused } = JSON.parse(child.stdout) as { checks: number; refused: number }
  expect(checks).toBeGreaterThan(200)
  // Some exceed the budget.
  expect(refused).toBeGreaterThan(0)
})

const recursive = {
  type: 'object',
  properties: { e: { $ref: '#/$defs/expression' } },
  $defs: {
    expression: {
      oneOf: [
        {
          type: 'object',
          required: ['a'],
          properties: { a: { $ref: '#/$defs/expression' }, k: { const: 1 } },
        },
        {
          type: 'object',
          required: ['a'],
          properties: { a: { $ref: '#/$defs/expression' }, k: { const: 2 } },
        },
        { type: 'number' },
      ],
    },
  },
}

test('B20 exponential work on nested levels ends with an issue', () => {
  const validate = new SchemaCompiler().compile(recursive)
  const nested = (levels: number): { [name: string]: never } =>
    JSON.parse(`{"e":${'{"k":1,"a":'.repeat(levels)}5${'}'.repeat(levels)}}`)
  expect(validate(nested(8))).toEqual([])
  expect(validate(nested(60))).toEqual([
    { pointer: '', detail: expect.stringMatching(/^takes more than 20000000 steps to check/) },
  ])
  // The budget is per document, not per schema.
  expect(validate(nested(8))).toEqual([])
})

test('B20 if collecting issues takes too long, the first is reported', () => {
  const validate = new SchemaCompiler().compile({
    type: 'object',
    properties: {
      kind: { const: 'a' },
      text: { type: 'string', maxLength: 254, pattern: '^(?:a|b)*a(?:a|b){200}c$' },
    },
  })
  const text = Array.from({ length: 3_000 }, (_, n) => ((n * n) % 7 < 3 ? 'a' : 'b')).join('')
  expect(validate({ kind: 'b', text })[0]).toEqual({ pointer: '/kind', detail: 'must be equal to constant' })
})

test('B20 a reference that refers to itself directly ends with an issue', () => {
  const validate = new SchemaCompiler().compile({
    type: 'object',
    properties: { loop: { $ref: '#/$defs/a' } },
    $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
  })
  expect(validate({})).toEqual([])
  expect(validate({ loop: 1 })).toHaveLength(1)
})

test('B20 non-recursive references cost nothing, however often they are followed', () => {
  const validate = new SchemaCompiler().compile({
    type: 'object',
    properties: { list: { type: 'array', items: { $ref: '#/$defs/point' } } },
    $defs: {
      point: { type: 'object', properties: { x: { $ref: '#/$defs/n' }, y: { $ref: '#/$defs/n' } } },
      n: { type: 'number' },
    },
  })
  expect(validate({ list: Array.from({ length: 250_000 }, (_, x) => ({ x, y: x })) })).toEqual([])
})

/** Evaluates the same value twice on each level. */
const forked = (rules: object): object => {
  const branch = (k: number): object => ({
    type: 'object',
    required: ['a'],
    properties: { a: { $ref: '#/$defs/x' }, value: rules, k: { const: k } },
  })
  return {
    type: 'object',
    properties: { e: { $ref: '#/$defs/x' } },
    $defs: { x: { oneOf: [branch(1), branch(2), { type: 'number' }] } },
  }
}
const forks = (levels: number, value: JsonValue): { e: JsonValue } => {
  let inner: JsonValue = { a: 1, value, k: 1 }
  for (let level = 1; level < levels; level += 1) inner = { a: inner, k: 1 }
  return { e: inner }
}
const numbers = Array.from({ length: 2_000 }, (_, n) => n)

test.each<[string, object, JsonValue]>([
  ['uniqueItems', { type: 'array', uniqueItems: true }, numbers],
  ['items', { type: 'array', items: { type: 'number' } }, numbers],
  ['contains', { type: 'array', contains: { type: 'string' }, minContains: 0, maxContains: 1 }, numbers],
  ['multipleOf', { type: 'array', items: { type: 'number', multipleOf: 0.5 } }, numbers],
  ['maxLength', { type: 'string', maxLength: 100_000 }, 'x'.repeat(30_000)],
  [
    'additionalProperties',
    { type: 'object', additionalProperties: { type: 'number' } },
    Object.fromEntries(numbers.slice(0, 999).map((n) => [`k${n}`, n])),
  ],
  [
    'propertyNames',
    { type: 'object', propertyNames: { maxLength: 9 } },
    Object.fromEntries(numbers.slice(0, 999).map((n) => [`k${n}`, n])),
  ],
  [
    'maxProperties',
    { type: 'object', maxProperties: 30_000 },
    Object.fromEntries(numbers.map((n) => [`k${n}`, n])),
  ],
])('B20 repeated evaluation of %s takes steps', (_word, rules, value) => {
  const validate = new SchemaCompiler().compile(forked(rules))
  expect(validate(forks(2, value))).toEqual([])
  expect(validate(forks(14, value))).toEqual([
    { pointer: '', detail: expect.stringMatching(/^takes more than 20000000 steps to check/) },
  ])
})

test('B20 nested uniqueItems take steps for each value only once', () => {
  const steps = new Steps()
  const unique = new UniqueItems(steps)
  const levels: JsonValue[][] = [Array.from({ length: 10_000 }, (_, n) => ({ n, text: `text ${n}` }))]
  for (let level = 1; level < 60; level += 1) levels.push([levels[level - 1] ?? []])
  // Once, and once more for the innermost items.
  steps.begin(2_000_000)
  for (const items of levels.toReversed()) expect(unique.firstRepeated(items)).toBeUndefined()
})

test('B20 only schemas on recursive paths are charged, and not values that look like schemas', () => {
  const value = { items: { type: 'number' }, properties: { a: {} } }
  const loop = { items: { $ref: '#/$defs/loop' }, contains: { const: value }, enum: [value], default: value }
  const schema = { type: 'object', properties: { loop: { $ref: '#/$defs/loop' } }, $defs: { loop } }
  expect(recursionOf(schema)).toEqual({ places: [loop], within: [loop, loop.items, loop.contains] })
})
