import { expect, test } from '@jest/globals'
import { forbidden, honest } from './forbidden.ts'
import { readersImports, readersSide, refusedIn } from './imports.ts'
import { caughtByLint, repositorysRules } from './lint.ts'

const ways = Object.keys(forbidden)
const texts = [...Object.values(forbidden), ...Object.values(honest)]

/** What the linter has no rule for; the look of our own sees it. */
const unseenByLint = [
  'the type of an import',
  'a module whose name is computed',
  'a name put together',
  'a name in a template',
  'a path into the folder of packages',
  'HTTP as a client',
  'HTTP as a client under another name',
  'all of HTTP',
  'fetch by the world',
  'fetch by its name',
  'a module of the runtime',
  'the inside of the runtime',
  'native code',
]

test.each(readersSide)(
  'G2.1 the linter itself refuses the forbidden ways in %s, by the repository’s rules, and nothing honest',
  async (side) => {
    const caught = await caughtByLint(texts, side, await repositorysRules())
    expect(ways.filter((_, place) => !caught.has(place))).toEqual(unseenByLint)
    expect([...caught].filter((place) => place >= ways.length)).toEqual([])
  },
)

test('G2.1 every forbidden way is refused by the linter or by the look of our own, and most by both', async () => {
  const caught = await caughtByLint(texts, 'apps/reader', await repositorysRules())
  const free: string[] = []
  for (const [place, [way, source]] of Object.entries(forbidden).entries())
    if (!caught.has(place) && (await refusedIn(source, readersImports)).length === 0) free.push(way)
  expect(free).toEqual([])
  expect(caught.size).toBeGreaterThan(ways.length * 0.7)
})

test('G2.1 negative control: without the rules for readers the linter lets sockets, writers and requests pass', async () => {
  const rules = JSON.parse(await repositorysRules()) as { readonly overrides: unknown }
  const caught = await caughtByLint(texts, 'apps/reader', JSON.stringify({ ...rules, overrides: [] }))
  const passed = ways.filter((_, place) => !caught.has(place))
  expect(passed).toEqual(
    expect.arrayContaining(['sockets', 'another process', 'the writer', 'fetch to the writer']),
  )
})
