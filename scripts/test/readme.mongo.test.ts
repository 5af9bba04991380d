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

/** The first block sets the variables: here the addresses of this run stand in for those of the README. */
function ofThisRun(script: string): string {
  return script.replace(/^(WRITER|READER1|READER2|TOKEN)=.*$/gm, (_line, name: string) => {
    return `${name}=${values[name]}`
  })
}

const blocks = blocksOf(readme).filter(({ script }) => /^(WRITER=|curl )/.test(script))
const talk = blocks.map(({ script }) => script).join('')
const promised = blocks.flatMap(({ statuses }) => statuses)

/** Runs a script as a person would who pastes it, and takes the statuses of all answers in their order. */
async function statusesOf(script: string): Promise<readonly number[]> {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: dev.cwd })
  return [...stdout.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
}

test('the conversation of the README gives the answers that it promises, a second time too', async () => {
  expect(promised.length).toBeGreaterThanOrEqual(10)
  expect(talk.match(/^curl /gm)).toHaveLength(promised.length)
  expect(await statusesOf(ofThisRun(talk))).toEqual(promised)
  expect(await statusesOf(ofThisRun(talk))).toEqual(promised)
})

test('the examples of docs/http.md give the answers that they promise, a second time too', async () => {
  const parts = blocksOf(readFileSync(join(root, 'docs/http.md'), 'utf8'))
  const [variables] = blocks
  const script = ofThisRun([variables, ...parts].map((part) => part?.script).join(''))
  const wanted = parts.flatMap(({ statuses }) => statuses)
  expect(wanted.length).toBeGreaterThanOrEqual(5)
  expect(await statusesOf(script)).toEqual(wanted)
  expect(await statusesOf(script)).toEqual(wanted)
})

test('negative control: without the token the promised answers do not come', async () => {
  expect(await statusesOf(ofThisRun(talk).replace(/^TOKEN=.*$/m, 'TOKEN=none'))).not.toEqual(promised)
})

test('the token that the README takes from its file is that of the run', async () => {
  const { stdout } = await run('cat', ['.freshet/token'], { cwd: dev.cwd })
  expect(stdout).toBe(values['TOKEN'])
})

test('the audit of the README finds nothing wrong', async () => {
  const command = blocksOf(readme).find(({ script }) => script.startsWith('npm run freshet -- '))
  const [, , , , ...args] = command?.script.trim().split(' ') ?? []
  await using audit = new Program(args, dev.cwd)
  const { code, printed } = await audit.outcome
  expect({ code, printed }).toEqual({
    code: 0,
    printed: expect.stringMatching(/^\d+ answers audited, 0 wrong/),
  })
})
