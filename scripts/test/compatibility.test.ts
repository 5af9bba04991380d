import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { root } from './readme-text.ts'

const file = (path: string): string => readFileSync(join(root, path), 'utf8')

/** What is pinned: the first group of each pattern. */
const pinned: Readonly<Record<string, readonly [path: string, version: RegExp]>> = {
  MongoDB: ['packages/mongod/src/wheel.ts', /unmodified mongod (\d+\.\d+\.\d+)/],
  PostgreSQL: ['pnpm-workspace.yaml', /embedded-postgres: (\d+\.\d+)/],
  NATS: ['packages/debezium/src/installed.ts', /nats-server\/v2@v(\d+\.\d+)/],
  'Debezium Server': ['packages/debezium/src/installed.ts', /debezium-server-dist:(\d+\.\d+\.\d+)/],
  Kafka: ['packages/debezium/pom.xml', /kafka_2\.13<\/artifactId>\s*<version>([\d.]+)/],
}

interface Row {
  readonly name: string
  readonly version: string
  readonly run: string
  readonly tests: readonly string[]
}

const rows: readonly Row[] = file('docs/other-databases.md')
  .split('\n## ', 1)
  .join('')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => {
    const [name = '', version = '', run = '', , , tests = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return { name, version, run, tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path) }
  })

/** What is wrong with a row of the table. */
function faultsOf({ name, version, run, tests }: Row): readonly string[] {
  const faults = tests.filter((path) => !existsSync(join(root, path))).map((path) => `there is no ${path}`)
  if ((tests.length === 0) !== (run === 'not run'))
    faults.push('what was run has tests, and nothing else has')
  const byHand = tests.filter((path) => /\.(?:debezium|debezium-server|faults)\.test\.ts$/.test(path))
  if (run.startsWith('CI') && byHand.length > 0) faults.push(`CI does not run ${byHand.join(', ')}`)
  // What is run by hand may be another version, which is then no pinned one.
  const product = Object.keys(pinned).findLast((one) => name.includes(one))
  const [path, pattern] = pinned[product ?? ''] ?? []
  const wanted = path === undefined || pattern === undefined ? undefined : pattern.exec(file(path))?.[1]
  if (wanted === undefined && run !== 'not run') faults.push(`no version is pinned for ${name}`)
  else if ((run.startsWith('CI') || byHand.length > 0) && version !== wanted)
    faults.push(`${version} instead of the pinned ${wanted}`)
  if (run.startsWith('by hand') && !/^by hand, \d{4}-\d\d-\d\d$/.test(run)) faults.push('when was it run?')
  return faults
}

test('the table of databases names the versions and the tests that are run', () => {
  expect(rows.length).toBeGreaterThan(5)
  expect(rows.flatMap((row) => faultsOf(row).map((fault) => `${row.name}: ${fault}`))).toEqual([])
})

test('control: another version, a missing test and a claim about CI are detected', () => {
  const [row] = rows.filter(({ name, run }) => name === 'PostgreSQL, direct' && run === 'CI')
  if (row === undefined) throw new Error('expected a row of PostgreSQL')
  expect(faultsOf(row)).toEqual([])
  expect(faultsOf({ ...row, version: '19.0' })).toEqual([expect.stringMatching(/^19.0 instead of/)])
  expect(faultsOf({ ...row, tests: ['packages/none.test.ts'] })).toEqual([
    'there is no packages/none.test.ts',
  ])
  expect(faultsOf({ ...row, tests: ['packages/replica/test/postgres.faults.test.ts'] })).toEqual([
    'CI does not run packages/replica/test/postgres.faults.test.ts',
  ])
  expect(faultsOf({ ...row, run: 'by hand' })).toEqual(['when was it run?'])
})
