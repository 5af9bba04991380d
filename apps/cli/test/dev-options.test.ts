import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { runProgram } from '../src/program.ts'

const cwd = mkdtempSync(join(tmpdir(), 'freshet-dev-options-'))
afterAll(() => rmSync(cwd, { recursive: true }))

/** What `freshet dev` says to these options. Whatever it starts, it stops at once. */
async function told(...args: readonly string[]): Promise<readonly [code: number, ...said: string[]]> {
  const said: string[] = []
  const code = await runProgram(['dev', '--ephemeral', '--port=0', ...args], {
    env: {},
    cwd,
    clock: systemClock,
    readFile: () => '',
    print: () => undefined,
    say: (text) => said.push(text),
    stopped: AbortSignal.abort(),
  })
  return [code, ...said]
}

test('--feed-batch is refused on PostgreSQL, whose readers have no such option', async () => {
  expect(await told('--database-kind=postgres', '--feed-batch=20ms')).toEqual([
    78,
    'freshet dev: --feed-batch: readers take changes in batches on MongoDB only. Omit the option on PostgreSQL.',
  ])
})

test.each(['--database-kind=postgres', '--db=postgres://a:b@127.0.0.1:1/'])(
  'deliveries are refused with %s, since it has no messages, and none may be asked for',
  async (postgres) => {
    const refusal =
      'freshet dev: --deliveries: deliveries need messages, which are stored in MongoDB only. Omit the option on PostgreSQL.'
    expect(await told(postgres, '--deliveries=2')).toEqual([78, refusal])
    expect((await told(postgres, '--deliveries=0'))[0]).toBe(0)
    expect((await told(postgres))[0]).toBe(0)
  },
)
