import { expect, test } from '@jest/globals'
import { forbidden, permitted } from './forbidden.ts'
import { readersImports, readersSide, refusedIn } from './imports.ts'
import { caughtByLint, repositorysRules } from './lint.ts'

const ways = Object.keys(forbidden)
const texts = [...Object.values(forbidden), ...Object.values(permitted)]

/** Ways that the linter has no rule for; our own check detects them. */
const unseenByLint = [
  'the type of an import',
  'a module whose name is computed',
  'a concatenated name',
  'a name in a template',
  'a path into node_modules',
  'HTTP as a client',
  'HTTP as a client, renamed',
  'all of HTTP',
  'fetch as a property of globalThis',
  'fetch as a computed property',
  'a module of the runtime',
  'internals of the runtime',
  'native code',
]

test.each(readersSide)(
  'G2.1 with the repository’s rules, the linter refuses the forbidden ways in %s, and nothing legitimate',
  async (side) => {
    const caught = await caughtByLint(texts, side, await repositorysRules())
    expect(ways.filter((_, place) => !caught.has(place))).toEqual(unseenByLint)
    expect([...caught].filter((place) => place >= ways.length)).toEqual([])
  },
)

test('G2.1 every forbidden way is refused by the linter or by our own check, and most by both', async () => {
  const caught = await caughtByLint(texts, 'apps/reader', await repositorysRules())
  const free: string[] = []
  for (const [place, [way, source]] of Object.entries(forbidden).entries())
    if (!caught.has(place) && (await refusedIn(source, readersImports)).length === 0) free.push(way)
  expect(free).toEqual([])
  expect(caught.size).toBeGreaterThan(ways.length * 0.7)
})

test('G2.1 negative control: without the rules for readers, the linter permits sockets, writers and requests', async () => {
  const rules = JSON.parse(await repositorysRules()) as { readonly overrides: unknown }
  const caught = await caughtByLint(texts, 'apps/reader', JSON.stringify({ ...rules, overrides: [] }))
  const passed = ways.filter((_, place) => !caught.has(place))
  expect(passed).toEqual(
    expect.arrayContaining(['sockets', 'another process', 'the writer', 'fetch to the writer']),
  )
})
