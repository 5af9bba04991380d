import { expect, test } from '@jest/globals'
import * as driver from 'mongodb'
import { allowedCommands } from '../src/allowed-commands.ts'
import { allowedNames, readStages } from '../src/allowed-names.ts'
import { attacks, harmless } from './attacks.ts'
import { known, refusedNames, refusedStages } from './server-names.ts'
import { TestServer } from './test-server.ts'

test.each(Object.keys(harmless))(
  'G1.1 every method of %s is attacked or known to be harmless, and none is both',
  (name) => {
    const attacked = attacks
      .flatMap(({ methods }) => methods ?? [])
      .filter((method) => method.startsWith(`${name}.`))
    const harmlessOnes = (harmless[name] ?? '').trim().split(/\s+/)
    const decided = [...new Set(attacked.map((method) => method.slice(name.length + 1))), ...harmlessOnes]
    expect(decided.toSorted()).toEqual(methodsOf(name).toSorted())
  },
)

test('G3.1 G3.2 every command, stage and operator that a real server counts is allowed on purpose or refused on purpose', async () => {
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

/** Own and inherited members, down to where the driver's classes begin. */
function methodsOf(className: string): readonly string[] {
  const members = new Set<string>()
  const inherited = new Set([
    'AbstractCursor',
    'EventEmitter',
    'ExplainableCursor',
    'Object',
    'TypedEventEmitter',
  ])
  let prototype: unknown = Reflect.get(Reflect.get(driver, className), 'prototype')
  while (typeof prototype === 'object' && prototype !== null && !inherited.has(prototype.constructor.name)) {
    for (const name of Object.getOwnPropertyNames(prototype)) members.add(name)
    prototype = Object.getPrototypeOf(prototype)
  }
  return [...members].filter((name) => name !== 'constructor' && !name.startsWith('_'))
}
