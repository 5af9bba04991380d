import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Program } from '../../apps/cli/test/support/program.ts'
import { blocksOf, readme, root } from './readme-text.ts'

const run = promisify(execFile)
let dev: Program
let values: Readonly<Record<string, string>>

beforeAll(async () => {
  dev = new Program(['dev', '--json', '--port=0', '--ephemeral'])
  const { writer, readers, token } = await dev.json()
  const [reader1 = '', reader2 = ''] = readers as readonly string[]
  values = {
    WRITER: String(writer),
    READER1: reader1,
    READER2: reader2,
    TOKEN: String(token),
  }
})
afterAll(() => dev[Symbol.asyncDispose]())

/** Replaces the addresses in the first block of the README with those of this run. */
function ofThisRun(script: string): string {
  return script.replace(/^(WRITER|READER1|READER2|TOKEN)=.*$/gm, (_line, name: string) => {
    return `${name}=${values[name]}`
  })
}

const blocks = blocksOf(readme).filter(({ script }) => /^(WRITER=|curl )/.test(script))
const talk = blocks.map(({ script }) => script).join('')
const promised = blocks.flatMap(({ statuses }) => statuses)

/** Runs a script like a user who pastes it. @returns the statuses of all answers, in order */
async function statusesOf(script: string): Promise<readonly number[]> {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: dev.cwd })
  return [...stdout.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
}

test('the README conversation gets the documented answers, also the second time', async () => {
  expect(promised.length).toBeGreaterThanOrEqual(10)
  expect(talk.match(/^curl /gm)).toHaveLength(promised.length)
  expect(await statusesOf(ofThisRun(talk))).toEqual(promised)
  expect(await statusesOf(ofThisRun(talk))).toEqual(promised)
})

test('the examples in docs/http.md get the documented answers, also the second time', async () => {
  const parts = blocksOf(readFileSync(join(root, 'docs/http.md'), 'utf8'))
  const [variables] = blocks
  const script = ofThisRun([variables, ...parts].map((part) => part?.script).join(''))
  const wanted = parts.flatMap(({ statuses }) => statuses)
  expect(wanted.length).toBeGreaterThanOrEqual(5)
  expect(await statusesOf(script)).toEqual(wanted)
  expect(await statusesOf(script)).toEqual(wanted)
})

test('negative control: without the token, the answers differ', async () => {
  expect(await statusesOf(ofThisRun(talk).replace(/^TOKEN=.*$/m, 'TOKEN=none'))).not.toEqual(promised)
})

test('the token file in the README has the token of the run', async () => {
  const { stdout } = await run('cat', ['.freshet/token'], { cwd: dev.cwd })
  expect(stdout).toBe(values['TOKEN'])
})

test('the audit in the README finds nothing wrong', async () => {
  const command = blocksOf(readme).find(({ script }) => script.startsWith('npm run freshet -- '))
  const [, , , , ...args] = command?.script.trim().split(' ') ?? []
  await using audit = new Program(args, dev.cwd)
  const { code, printed } = await audit.outcome
  expect({ code, printed }).toEqual({
    code: 0,
    printed: expect.stringMatching(/^\d+ answers audited, 0 wrong/),
  })
})
