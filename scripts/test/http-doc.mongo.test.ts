import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { devLineOf, type DevLine } from '../../apps/cli/test/support/dev-line.ts'
import { Program } from '../../apps/cli/test/support/program.ts'
import { root } from './readme-text.ts'

const text = readFileSync(join(root, 'docs/http.md'), 'utf8')

/** The rows of the first table after a heading, without its header. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const [, behind = ''] = text.split(`${heading}\n`)
  const [, table = ''] = /((?:^\|.*\n)+)/m.exec(behind) ?? []
  const [, , ...rows] = table.trim().split('\n')
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The documented methods of each path, for the writer or the readers. */
function promisedBy(column: 1 | 2): ReadonlyMap<string, string> {
  const promised = new Map<string, string>()
  for (const row of [...tableUnder('# HTTP'), ...tableUnder('## Messages')]) {
    // The query only selects what is returned.
    const [path = ''] = (row[0] ?? '').split('?')
    const said = row[column] ?? ''
    if (said !== '') promised.set(path, said)
  }
  return promised
}

/** A path with values for its parameters. */
function filled(path: string): string {
  return path
    .replace('{collection}', 'products')
    .replace('{message}', '00000000-0000-7000-8000-000000000000')
    .replaceAll(/\{(id|group|user|conv)\}/g, 'nothing-here')
}

let program: Program
let dev: DevLine
let authorization: string

beforeAll(async () => {
  program = new Program([
    'dev',
    '--json',
    '--port=0',
    '--ephemeral',
    '--no-sample',
    '--readers=1',
    '--deliveries=0',
  ])
  dev = devLineOf(await program.json())
  authorization = `Bearer ${dev.token}`
})
afterAll(() => program[Symbol.asyncDispose]())

test.each([
  ['the writer', 1],
  ['a reader', 2],
] as const)(
  'docs/http.md: %s accepts the methods in the table, and lists them in Allow',
  async (_who, column) => {
    const promised = promisedBy(column)
    expect(promised.size).toBeGreaterThanOrEqual(2)
    const url = column === 1 ? dev.writer : dev.readers[0]
    for (const [path, said] of promised) {
      const place = `${url}${filled(path)}`
      const taken: string[] = []
      for (const method of methods) {
        const answer = await fetch(place, { method, headers: { authorization } })
        if (answer.status !== 405) taken.push(method)
        else expect(answer.headers.get('allow')).toBe([said, 'OPTIONS'].filter(Boolean).join(', '))
      }
      expect({ path, taken: taken.join(', ') }).toEqual({ path, taken: said })
    }
  },
)

/** General HTTP headers. */
const common =
  /^(allow|cache-control|connection|content-.*|date|keep-alive|location|preference-applied|vary|x-.*)$/

test('docs/http.md: answers have exactly the headers in the table', async () => {
  const headers = { authorization, 'content-type': 'application/json', 'idempotency-key': 'the-table' }
  const post = { method: 'POST', headers, body: '{"name":"Jug","price":1,"stock":1}' }
  const posted = await fetch(`${dev.writer}/v1/products`, post)
  const place = `${dev.readers[0]}${posted.headers.get('location') ?? ''}`
  const after = { authorization, 'freshet-at-least': posted.headers.get('freshet-position') ?? '' }
  const answers = [
    posted,
    await fetch(`${dev.writer}/v1/products`, post),
    await fetch(place, { headers: after }),
    await fetch(place, { headers: after, method: 'HEAD' }),
    await fetch(`${dev.readers[0]}/v1/products?ids=nothing-here`, { headers: { authorization } }),
    await fetch(`${dev.readers[0]}/v1/products/nothing-here`, { headers: { authorization } }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 200, 200, 200, 404])
  const seen = new Set(answers.flatMap((answer) => [...answer.headers.keys()]))
  const told = tableUnder('## Response headers').map(([name = '']) => name.replace(/:.*/, '').toLowerCase())
  expect([...seen].filter((name) => !common.test(name)).toSorted()).toEqual(told.toSorted())
})

test('docs/http.md: each request header in the table has the documented effect', async () => {
  const at = `${dev.writer}/v1/products/asked`
  const json = { authorization, 'content-type': 'application/json' }
  const body = '{"name":"Jug","price":1,"stock":1}'
  const put = (headers: Record<string, string>): Promise<Response> =>
    fetch(at, { method: 'PUT', headers: { ...json, ...headers }, body })
  const made = await put({ 'if-none-match': '*' })
  const position = made.headers.get('freshet-position') ?? ''
  const etag = made.headers.get('etag') ?? ''
  const get = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${dev.readers[0]}/v1/products/asked`, { headers: { authorization, ...headers } })
  const far = `${position.slice(0, 9)}${'f'.repeat(16)}`
  // Each row of the table, and the status that demonstrates it.
  const shown: Readonly<Record<string, readonly [() => Promise<Response>, number]>> = {
    'Authorization: Bearer …': [() => put({ authorization: 'Bearer none' }), 401],
    'Freshet-At-Least: <position>': [() => get({ 'freshet-at-least': position }), 200],
    'Freshet-At-Least: now': [() => get({ 'freshet-at-least': 'now' }), 200],
    'Prefer: wait=N': [() => get({ 'freshet-at-least': far, prefer: 'wait=0' }), 503],
    'If-None-Match: <ETag>': [() => get({ 'freshet-at-least': position, 'if-none-match': etag }), 304],
    'If-Match: <ETag>': [() => put({ 'if-match': '"another"' }), 412],
    'If-None-Match: *': [() => put({ 'if-none-match': '*' }), 412],
    'Idempotency-Key: <text>': [() => put({ 'idempotency-key': 'asked' }), 200],
    'Prefer: return=minimal': [() => put({ prefer: 'return=minimal' }), 200],
    'Prefer: handling=lenient': [() => put({ prefer: 'handling=lenient' }), 200],
  }
  const rows = tableUnder('## Request headers').map(([name = '']) => name)
  expect(rows.toSorted()).toEqual(Object.keys(shown).toSorted())
  const got: Record<string, number> = {}
  for (const name of rows) got[name] = (await shown[name]?.[0]())?.status ?? 0
  expect(await (await put({ prefer: 'return=minimal' })).text()).toBe('')
  expect(got).toEqual(Object.fromEntries(Object.entries(shown).map(([name, [, status]]) => [name, status])))
})
