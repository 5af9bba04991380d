import { expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  binaryLogRights,
  logSettings,
  mongoDbPrivileges,
  mongoDbSettings,
  postgresRights,
  postgresSettings,
} from '../src/index.ts'

const text = readFileSync(join(import.meta.dirname, '../../../docs/debezium.md'), 'utf8')

/** All blocks in a language below a heading. */
function blocks(heading: string, language: string): string {
  const [, section = ''] = text.split(`\n${heading}\n`)
  const [own = ''] = section.split(/\n##+ /)
  const all = own.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))
  return [...all].map(([, block = '']) => block).join('')
}

/** The Java properties of all blocks below a heading. */
function documented(heading: string): Readonly<Record<string, string>> {
  const lines = blocks(heading, 'properties')
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
  [
    '### MongoDB',
    mongoDbSettings('mongodb://USER:PASSWORD@HOST:27017/?replicaSet=NAME&authSource=admin', 'shop', log),
  ],
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

test('the documentation gives PostgreSQL, MySQL, MariaDB and MongoDB the rights that the tests use', () => {
  expect(documented('### PostgreSQL')).toEqual({
    'plugin.name': 'pgoutput',
    'publication.autocreate.mode': 'disabled',
  })
  expect(postgresSettings('postgres://a:b@c:1/d', log)).toMatchObject(documented('### PostgreSQL'))
  const statements = (heading: string): readonly string[] =>
    blocks(heading, 'sql')
      .split(';\n')
      .filter((line) => line !== '')
  const [role, ...rights] = statements('### PostgreSQL')
  expect(role).toMatch(/^CREATE ROLE debezium LOGIN REPLICATION PASSWORD/)
  expect(rights).toEqual(postgresRights('debezium', ['public.orders', 'public.products']))
  expect(statements('### MySQL and MariaDB')).toEqual(binaryLogRights('debezium', 'shop'))
  const dense = (code: string): string => code.replace(/\s|,(?=\s*\])/g, '')
  const privileges = inspect(mongoDbPrivileges('shop'), { depth: 5 })
  expect(dense(blocks('### MongoDB', 'js'))).toContain(`privileges:${dense(privileges)}`)
})
