import { expect, test } from '@jest/globals'
import { ProblemError } from '@freshet/protocol'
import * as fc from 'fast-check'
import { readJsonBody } from '../src/messages/json-text.ts'

const textOf = (json: string): string | undefined => readJsonBody(Buffer.from(json)).texts.get('body')

test('M9 the text of a body is what was sent, without white space between tokens', () => {
  expect(textOf('{"body" : 1.0 }')).toBe('1.0')
  expect(textOf('{"body":12345678901234567890}')).toBe('12345678901234567890')
  expect(
    textOf(' { "a" : [ 1 , {"body":2} ] , "body" : { "x y" : [ "a\\n b" , -1.50e+3 ] ,\r\n\t"z":{} } } '),
  ).toBe('{"x y":["a\\n b",-1.50e+3],"z":{}}')
  expect(textOf('{"body":"\\"}, \\\\"}')).toBe('"\\"}, \\\\"')
  expect(textOf('{"\\u0062ody":null}')).toBe('null')
  expect(textOf('{"body":"é😀\\ud83d\\ude00"}')).toBe('"é😀\\ud83d\\ude00"')
  expect(textOf('{"bod":1}')).toBeUndefined()
  expect(textOf('[{"body":1}]')).toBeUndefined()
  expect(textOf('7')).toBeUndefined()
})

test('M9 any value in any layout means the same, on one line', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.constantFrom('', ' ', '\t', 3), (body, other, space) => {
      const text = textOf(JSON.stringify({ other, body, last: other }, undefined, space))
      expect(JSON.parse(text ?? '')).toEqual(JSON.parse(JSON.stringify(body)))
      expect(text).toBe(JSON.stringify(body))
    }),
  )
})

test.each([
  ['{"body":{"a":1,"a":2}}', 'duplicate-key'],
  ['{"body":[{"a":1,"\\u0061":2}]}', 'duplicate-key'],
  ['{"body":1,"body":2}', 'duplicate-key'],
  ['{"body":"\\ud800"}', 'bad-text'],
  ['{"\\udc00":1,"body":1}', 'bad-text'],
  [`{"body":${'['.repeat(64)}${']'.repeat(64)}}`, 'malformed-body'],
  ['{"body":1', 'malformed-body'],
  ['', 'malformed-body'],
])('M9 %s is %s', (json, code) => {
  const attempt = (): unknown => textOf(json)
  expect(attempt).toThrow(ProblemError)
  expect(attempt).toThrow(expect.objectContaining({ code }))
})

test('M9 bytes that are not UTF-8 are refused, and 63 levels are fine', () => {
  expect(() => readJsonBody(Buffer.from([0x22, 0xff, 0x22]))).toThrow(
    expect.objectContaining({ code: 'bad-text' }),
  )
  expect(textOf(`{"body":${'['.repeat(63)}${']'.repeat(63)}}`)).toHaveLength(126)
})
