import { expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { allowedCommands } from '../src/allowed-commands.ts'
import { allowedNames } from '../src/allowed-names.ts'
import { readingCommands, readingNames, refusedCommands } from './reading.ts'
import { known } from './server-names.ts'
import { TestServer } from './test-server.ts'

test('G3.1 these commands may be sent, and no others', () => {
  expect([...allowedCommands].toSorted()).toEqual(readingCommands.toSorted())
})

test('G3.2 these names may be sent, and no others', () => {
  expect([...allowedNames].toSorted()).toEqual(readingNames.toSorted())
})

test('G3.1 G3.2 nothing that a server reserves for its own use may be sent', () => {
  const own = (name: string): boolean => /^\$?_/.test(name)
  expect([...allowedNames, ...allowedCommands].filter(own)).toEqual([])
})

test('G3.1 every command of a real server is a read on the list, or refused on purpose', async () => {
  await using server = await TestServer.open({ accessControl: false })
  await using client = new MongoClient(server.uri())
  const { commands } = await client.db('admin').command({ listCommands: 1 })
  const names = Object.keys(commands).filter((name) => !name.startsWith('_'))
  expect(names.length).toBeGreaterThan(100)
  // The handshake uses its oldest spelling.
  const others = names.filter((name) => !allowedCommands.has(name) && name !== 'isMaster')
  expect(others.toSorted()).toEqual(refusedCommands.filter(known(names)).toSorted())
  expect(refusedCommands.filter((name) => allowedCommands.has(name))).toEqual([])
})
