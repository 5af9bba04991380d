import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { ifInstalled, installJars } from '@freshet/debezium'
import { fromSource } from '@freshet/testkit'

const jars = await ifInstalled('Kafka and Debezium', installJars)

const testIfInstalled = jars === undefined ? test.skip : test

testIfInstalled('the example shows a change of PostgreSQL at both readers', async () => {
  const main = join(import.meta.dirname, '../src/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [...fromSource, main, '--once'])
  const answer = 'answer {"id":"desk-oak","name":"Oak desk","price":"249.00","stock":7}'
  // They were installed above.
  expect(stdout).not.toContain('Fetching')
  expect(stdout).toMatch(/^ {2}psql postgres(?:ql)?:\/\/\S+:\d+\/postgres -c "update products /m)
  expect(stdout.split('\n').filter((line) => line.startsWith('answer'))).toEqual([answer, answer])
})
