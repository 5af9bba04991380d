import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { closes, errors, frameSchemas } from '../src/index.ts'
import { checkFrames } from './support/schema-check.ts'

const text = readFileSync(join(import.meta.dirname, '../../../docs/delivery-protocol.md'), 'utf8')

/** Codes with what the second cell says. */
const rowsOf = (title: string): readonly (readonly [number, string])[] => {
  const part = text.split(`### ${title}\n`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? ''
  return [...part.matchAll(/^\| (\d+) +\| (.*?) +\|/gm)].map(([, code, says = '']) => [Number(code), says])
}

test('D8 the document has every close code and every error, and no others', () => {
  expect(rowsOf('Close codes')).toEqual(Object.values(closes).map(({ code, reason }) => [code, reason]))
  expect(rowsOf('Errors')).toEqual(Object.values(errors).map(({ code, message }) => [code, message]))
})

test('D1 the examples of the document are of the protocol', () => {
  const examples = [...text.matchAll(/```json\n([^]*?)```/g)].map(([, json = '']): object => JSON.parse(json))
  const [connect, ...fromServer] = examples
  checkFrames(frameSchemas.client)(connect)
  for (const example of fromServer) checkFrames(frameSchemas.server)(example)
  expect(fromServer).toHaveLength(2)
})
