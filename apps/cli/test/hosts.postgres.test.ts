import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { startPostgres, type Postgres } from '@freshet/postgres'
import { silentLog } from '@freshet/testkit'
import { join } from 'node:path'
import { DevPostgres } from '../src/dev/postgres-database.ts'
import { runProgram } from '../src/program.ts'
import { StateFolder } from '../src/state-folder.ts'

const collections = join(import.meta.dirname, '../../../collections')

let primary: Postgres
let standby: Postgres
beforeAll(async () => {
  primary = await startPostgres({ settings: { wal_level: 'logical' } })
  standby = await primary.copyForStandby()
  await standby.start()
}, 60_000)
afterAll(async () => {
  await Promise.all([primary.close(), standby.close()])
})

/** Nobody listens at the first host, and the second is the standby. */
const several = (uri: string): string =>
  uri.replace(`127.0.0.1:${primary.port}`, `127.0.0.1:1,127.0.0.1:${standby.port},127.0.0.1:${primary.port}`)

async function run(uri: string, ...argv: readonly string[]) {
  const lines = { printed: '', said: '' }
  const code = await runProgram([...argv, '--database=shop', '--db-file=address'], {
    env: {},
    cwd: '/nowhere',
    clock: systemClock,
    readFile: () => uri,
    print: (text) => (lines.printed += `${text}\n`),
    say: (text) => (lines.said += `${text}\n`),
    stopped: new AbortController().signal,
  })
  return { code, ...lines }
}

let reader = ''

test('`migrate` prepares the primary among several hosts, and prints addresses with all of them', async () => {
  const { code, printed, said } = await run(several(primary.uri()), 'migrate', `--collections=${collections}`)
  expect([code, said]).toEqual([0, expect.any(String)])
  reader = /postgres:\/\/freshet_reader_shop\S+/.exec(printed)?.[0] ?? ''
  expect(reader).toContain(`@127.0.0.1:1,127.0.0.1:${standby.port},127.0.0.1:${primary.port}/shop`)
})

test('`doctor` says what each host is, and how much the primary has left', async () => {
  const { code, printed } = await run(reader, 'doctor', '--json')
  const findings: readonly Record<string, string>[] = JSON.parse(printed).findings
  expect(code).toBe(0)
  expect(findings.find(({ name }) => name === 'hosts')).toMatchObject({
    verdict: 'warning',
    seen:
      `127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; 127.0.0.1:${standby.port}: a standby; ` +
      `127.0.0.1:${primary.port}: a primary on timeline 1`,
    remedy: expect.stringContaining('no fail-over leads to them'),
  })
  expect(findings.find(({ name }) => name === 'server')?.['verdict']).toBe('ok')
  const healthy = await run(reader.replace('127.0.0.1:1,', ''), 'doctor', '--json')
  const [hosts] = JSON.parse(healthy.printed).findings.filter(
    ({ name }: Readonly<Record<string, string>>) => name === 'hosts',
  )
  expect(hosts).toMatchObject({ verdict: 'ok' })
})

test('`doctor guard` examines the user at the primary', async () => {
  const { code, printed } = await run(reader, 'doctor', 'guard')
  expect([code, printed]).toEqual([0, expect.stringMatching(/^G4 {2}role {8}ok/m)])
})

test('`dev --db` prepares the primary, shows the hosts without credentials, and gives all hosts to its services', async () => {
  const said: string[] = []
  const state = StateFolder.temporary()
  const db = new DevPostgres({
    context: {
      env: {},
      cwd: '/nowhere',
      clock: systemClock,
      readFile: () => '',
      print: () => undefined,
      say: (text) => said.push(text),
      stopped: new AbortController().signal,
    },
    log: silentLog,
    state,
    uri: several(primary.uri()),
    database: 'dev',
    collections: new Map([['products', 'string']]),
    onEnd: () => undefined,
  })
  await db.start()
  const hosts = `127.0.0.1:1,127.0.0.1:${standby.port},127.0.0.1:${primary.port}`
  expect(said).toEqual([`Connecting to ${hosts}, database dev …`])
  expect(db.dataLocation).toBe(`the PostgreSQL at ${hosts}`)
  expect(db.uriFor('freshet-writer')).toContain(`@${hosts}/dev`)
  await db.stop()
  state.close()
})

test.each(['migrate', 'doctor'])('`%s` refuses an option that it cannot act on', async (command) => {
  const answer = await run(`${several(primary.uri())}?target_session_attrs=any`, command)
  expect(answer.code).toBe(78)
  expect(answer.printed + answer.said).toMatch(/target_session_attrs: expected primary or read-write/)
  expect(answer.printed + answer.said).not.toContain(new URL(primary.uri()).password)
})
