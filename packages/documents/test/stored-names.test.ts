import { expect, test } from '@jest/globals'
import { loadCollections } from '../src/index.ts'
import { folderOf } from './support/folder-of.ts'

test('B22 a file may name a collection in the database', async () => {
  await using folder = await folderOf({
    'profiles.json': '{"type":"object","x-collection":"userProfiles"}',
    'users.json': '{"type":"object","x-collection":"Users"}',
    'files.json': '{"type":"object","x-collection":"fs.files"}',
    'plain.json': '{"type":"object"}',
  })
  const collections = await loadCollections(folder.path)
  expect([...collections.values()].map(({ name, stored }) => [name, stored])).toEqual([
    ['files', 'fs.files'],
    ['plain', 'plain'],
    ['profiles', 'userProfiles'],
    ['users', 'Users'],
  ])
})

test.each([
  ['nobody', 'another name, got "nobody"'],
  [7, 'the name of a collection in the database, got 7'],
  [null, 'the name of a collection in the database, got null'],
])('B22 a file for the collection %j is rejected', async (stored, why) => {
  await using folder = await folderOf({
    'a.json': JSON.stringify({ type: 'object', 'x-collection': stored }),
  })
  const fault = (name: string): string | undefined => (name === 'nobody' ? 'another name' : undefined)
  await expect(loadCollections(folder.path, fault)).rejects.toThrow(
    `a.json at /x-collection: expected ${why}`,
  )
})

test('B22 two files for one collection are rejected, even if one uses its own name', async () => {
  for (const other of ['users', 'b']) {
    await using folder = await folderOf({
      'a.json': '{"type":"object","x-collection":"users"}',
      [`${other}.json`]: JSON.stringify({
        type: 'object',
        ...(other === 'b' && { 'x-collection': 'users' }),
      }),
    })
    await expect(loadCollections(folder.path)).rejects.toThrow(
      new RegExp(
        `${other}\\.json at /x-collection: expected a collection that no other file has, got "users", which a\\.json has`,
      ),
    )
  }
})
