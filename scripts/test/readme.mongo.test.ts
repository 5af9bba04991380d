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
  const { writer, readers, deliveries, token } = await dev.json()
  const [reader1 = '', reader2 = ''] = readers as readonly string[]
  const [delivery1 = '', delivery2 = ''] = deliveries as readonly string[]
  values = {
    WRITER: String(writer),
    READER1: reader1,
    READER2: reader2,
    TOKEN: String(token),
    DELIVERY1: delivery1,
    DELIVERY2: delivery2,
    ...(await tokensIn(readme)),
  }
})
afterAll(() => dev[Symbol.asyncDispose]())

/** Runs the commands that print tokens: `ANN=$(npm run --silent freshet -- token …)`. */
async function tokensIn(text: string): Promise<Readonly<Record<string, string>>> {
  const tokens: Record<string, string> = {}
  for (const [, name = '', args = ''] of text.matchAll(/^(\w+)=\$\(npm run --silent freshet -- (.*)\)$/gm)) {
    await using program = new Program(args.split(' '), dev.cwd)
    tokens[name] = (await program.outcome).printed.trim()
  }
  return tokens
}

/** Replaces the addresses and tokens in the blocks of the README with those of this run. */
function ofThisRun(script: string): string {
  return script.replace(/^([A-Z]+\d?)=.*$/gm, (line, name: string) => {
    return name in values ? `${name}=${values[name]}` : line
  })
}

const setsVariables = /^(WRITER|DELIVERY1)=/
const blocks = blocksOf(readme).filter(
  ({ script }) => setsVariables.test(script) || script.startsWith('curl '),
)
const variables = blocks.filter(({ script }) => setsVariables.test(script))
const talk = blocks.map(({ script }) => script).join('')
const promised = blocks.flatMap(({ statuses }) => statuses)

/** Event streams do not end: with `-m`, curl gives up, which is no error here. */
const curl = 'curl() { command curl "$@" || [ $? = 28 ]; }\n'

/** Runs a script like a user who pastes it. */
async function outputOf(script: string): Promise<string> {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', curl + script], { cwd: dev.cwd })
  return stdout
}

/** @returns the statuses of all answers, in order */
async function statusesOf(script: string): Promise<readonly number[]> {
  return statusesIn(await outputOf(script))
}

function statusesIn(output: string): readonly number[] {
  return [...output.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
}

test('the README conversation gets the documented answers, also the second time', async () => {
  expect(promised.length).toBeGreaterThanOrEqual(10)
  expect(talk.match(/^curl /gm)).toHaveLength(promised.length)
  expect(await statusesOf(ofThisRun(talk))).toEqual(promised)
  const output = await outputOf(ofThisRun(talk))
  expect(statusesIn(output)).toEqual(promised)
  // Bob comes back and gets what was sent while he was away.
  expect(output).toMatch(/"recovered":true[^]*"text":"Lunch\?"[^]*"unread":[1-9]/)
})

test('the examples in docs/delivery.md get the documented answers, also the second time', async () => {
  const parts = blocksOf(readFileSync(join(root, 'docs/delivery.md'), 'utf8'))
  const script = ofThisRun([...variables, ...parts].map((part) => part.script).join(''))
  const wanted = parts.flatMap(({ statuses }) => statuses)
  expect(wanted).toHaveLength(11)
  for (const time of ['the first time', 'the second time']) {
    const output = await outputOf(script)
    expect([time, statusesIn(output)]).toEqual([time, wanted])
    expect(output).toMatch(/"recovered":true[^]*"text":"one"[^]*"text":"two"/)
    expect(output).toMatch(/"recovered":false[^]*event: gap/)
    expect(output).toMatch(/"seq":5,[^]*"text":"two"[^]*"more":false/)
    expect(output).toMatch(/"type":"cursor"/)
    expect(output).toMatch(/^\{"id":1,"connect":.*"#bob"/m)
  }
})

test('the examples in docs/http.md get the documented answers, also the second time', async () => {
  const parts = blocksOf(readFileSync(join(root, 'docs/http.md'), 'utf8'))
  const script = ofThisRun([...variables, ...parts].map(({ script }) => script).join(''))
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
