import { expect, test } from '@jest/globals'
import * as driver from 'mongodb'
import { allowedCommands } from '../src/allowed-commands.ts'
import { allowedNames, readStages } from '../src/allowed-names.ts'
import { attacks, harmless, speechless } from './attacks.ts'
import { known, refusedNames, refusedStages } from './server-names.ts'
import { TestServer } from './test-server.ts'

test.each(Object.keys(harmless))(
  'G1.1 every method of %s is either attacked or known to be harmless',
  (name) => {
    const attacked = attacks
      .flatMap(({ methods }) => methods ?? [])
      .filter((method) => method.startsWith(`${name}.`))
    const harmlessOnes = wordsOf(harmless[name] ?? '')
    const named = [...new Set(attacked.map((method) => method.slice(name.length + 1))), ...harmlessOnes]
    expect(named.toSorted()).toEqual(membersOf(Reflect.get(driver, name)).toSorted())
  },
)

const decided: readonly string[] = [
  ...Object.keys(harmless),
  ...Object.values(speechless).flatMap((names) => wordsOf(names)),
]

test('G1.1 every class and function of the driver is classified', () => {
  expect(decided.toSorted()).toEqual(offeredBy(driver).toSorted())
})

test('G1.1 negative control: a class or function added by a driver version is unclassified', () => {
  class Door {
    write(): void {}
  }
  class SmallerDoor extends Door {}
  class Notice {
    readonly kind = 'news'
  }
  class Failure extends Error {
    retry(): void {}
  }
  const added = { Door, SmallerDoor, Notice, Failure, run: () => undefined, version: '8' }
  expect(offeredBy({ ...driver, ...added }).filter((name) => !decided.includes(name))).toEqual([
    'Door',
    'SmallerDoor',
    'run',
  ])
})

test('G3.1 G3.2 every command, stage and operator that a real server counts is allowed or refused on purpose', async () => {
  await using server = await TestServer.open({ accessControl: false })
  await using client = new driver.MongoClient(server.uri())
  const { metrics } = await client.db('admin').command({ serverStatus: 1 })
  const { aggStageCounters, operatorCounters } = metrics
  const documented = (name: string): boolean => /^\$[a-z]/i.test(name)

  const stages = Object.keys(aggStageCounters).filter(documented)
  expect(stages.length).toBeGreaterThan(30)
  expect(stages.filter((name) => !readStages.has(name)).toSorted()).toEqual(
    refusedStages.filter(known(stages)).toSorted(),
  )

  const groups: Record<string, object> = operatorCounters
  const operators = [...new Set(Object.values(groups).flatMap((group) => Object.keys(group)))]
  const names = operators.filter(documented)
  expect(names.length).toBeGreaterThan(150)
  expect(names.filter((name) => !allowedNames.has(name)).toSorted()).toEqual(
    refusedNames.filter(known(names)).toSorted(),
  )

  const commands: Record<string, object> = (await client.db('admin').command({ listCommands: 1 }))['commands']
  const existing = new Set(Object.keys(commands).map((name) => name.toLowerCase()))
  expect([...allowedCommands].filter((name) => !existing.has(name.toLowerCase()))).toEqual([])
})

/** The callable exports of a module: functions, and classes with methods, except errors. */
function offeredBy(module: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(module)
    .filter(([name, value]) => {
      if (typeof value !== 'function' || name === 'default') return false
      if (!/^class\b/.test(Function.prototype.toString.call(value))) return true
      return !(value.prototype instanceof Error) && membersOf(value).length > 0
    })
    .map(([name]) => name)
}

/** Base classes in the driver have their own rows; others belong to the language or Node.js. */
const bases: ReadonlySet<string> = new Set([
  'AbstractCursor',
  'EventEmitter',
  'ExplainableCursor',
  'Object',
  'Readable',
  'TypedEventEmitter',
  'Writable',
])

/** Own and inherited members, up to where the driver's classes begin. */
function membersOf(of: object): readonly string[] {
  const members = new Set<string>()
  const own: unknown = Reflect.get(of, 'prototype')
  let prototype = own
  while (
    typeof prototype === 'object' &&
    prototype !== null &&
    (prototype === own || !bases.has(prototype.constructor.name))
  ) {
    for (const name of Object.getOwnPropertyNames(prototype)) members.add(name)
    prototype = Object.getPrototypeOf(prototype)
  }
  return [...members].filter((name) => name !== 'constructor' && !name.startsWith('_'))
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
