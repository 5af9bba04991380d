import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { logSettings, mongoDbSettings } from '../src/index.ts'

const text = readFileSync(join(import.meta.dirname, '../../../docs/debezium.md'), 'utf8')

/** The Java properties of all blocks below a heading. */
function documented(heading: string): Readonly<Record<string, string>> {
  const [, section = ''] = text.split(`\n${heading}\n`)
  const [own = ''] = section.split(/\n##+ /)
  const blocks = [...own.matchAll(/```properties\n(.*?)```/gs)].map(([, block = '']) => block)
  const lines = blocks
    .join('')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

const log = { prefix: 'app', topic: 'app.all' }

test.each([
  ['## Settings of every connector', logSettings(log)],
  ['### MongoDB', mongoDbSettings('mongodb://USER:PASSWORD@HOST:27017/?replicaSet=NAME', 'shop', log)],
])('the documentation has the settings that the tests use: %s', (heading, used) => {
  const settings = documented(heading)
  expect(Object.keys(settings).length).toBeGreaterThan(5)
  const asUsed = (name: string): string =>
    // Without spaces that mean nothing.
    name === 'cursor.pipeline' ? JSON.stringify(JSON.parse(settings[name] ?? '')) : (settings[name] ?? '')
  expect(Object.fromEntries(Object.keys(settings).map((name) => [name, asUsed(name)]))).toEqual(
    Object.fromEntries(Object.keys(settings).map((name) => [name, used[name]])),
  )
})
