import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { freshet, Operated } from './support/operated.ts'

const root = join(import.meta.dirname, '../../..')
const operated = await Operated.start()
afterAll(() => operated[Symbol.asyncDispose]())

interface Found {
  readonly area: string
  readonly name: string
  readonly verdict: string
  readonly seen: string
  readonly remedy?: string
}

async function doctor(options: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const { code, printed, said } = await freshet(['doctor', '--json', ...options], { files })
  const findings: readonly Found[] = printed === '' ? [] : JSON.parse(printed).findings
  const one = (name: string): Found | undefined => findings.find((each) => each.name === name)
  return { code, said, findings, one }
}

const all = () => [
  `--management-urls=${operated.managementUrls}`,
  '--admin-db-file=admin',
  '--db-file=reader',
  '--database=shop',
  `--collections=${join(root, 'collections')}`,
]
const files = () => ({ admin: operated.db.adminUri, reader: operated.db.uriFor('reader') })

test('a healthy system has no fault, and every finding has a figure or a reason', async () => {
  const { code, findings, one } = await doctor(all(), files())
  expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  expect(code).toBe(0)
  expect(one('oplog')?.seen).toMatch(
    /^0\.0 h so far \(\d+ of \d+ MiB used\), too young for an estimate, largest lag \d+ s/,
  )
  expect(one('roles and users')?.seen).toBe('as the migration makes them')
  expect(findings.filter(({ name }) => name === 'clocks')).toHaveLength(2)
  expect(one('connections')?.seen).toMatch(/the pools of all services may open 196$/)
  expect(findings.filter(({ seen }) => seen.startsWith('ready'))).toHaveLength(3)
  expect(
    findings.filter(({ name, seen }) => name.endsWith(': memory') && /heap 5\d\d/.test(seen)),
  ).toHaveLength(3)
  expect(findings.filter(({ area }) => area === 'guard')).toHaveLength(2)
})

test('as text, each finding that is not ok says what to do, and the worst comes first', async () => {
  const { code, printed } = await freshet([
    'doctor',
    `--management-urls=${operated.managementUrls},http://127.0.0.1:1`,
  ])
  expect(code).toBe(78)
  const [first = '', remedy = ''] = printed.split('\n')
  expect(first).toMatch(
    /^FAULT +services +http:\/\/127\.0\.0\.1:1 +http:\/\/127\.0\.0\.1:1 does not answer: /,
  )
  expect(remedy).toMatch(/^ +To do: Start it, or correct --management-urls\./)
  expect(printed).toMatch(/\n\n1 fault, 1 not checked, \d+ ok$/)
})

test('a role with another privilege, and a user without its role, are faults', async () => {
  const shop = operated.db.admin.db('shop')
  await shop.command({
    grantPrivilegesToRole: 'freshet-auditor',
    privileges: [{ resource: { db: 'shop', collection: '' }, actions: ['collStats'] }],
  })
  await shop.command({ revokeRolesFromUser: 'freshet-auditor', roles: ['freshet-auditor'] })
  const { code, one } = await doctor(all(), files())
  await shop.command({ grantRolesToUser: 'freshet-auditor', roles: ['freshet-auditor'] })
  await shop.command({
    revokePrivilegesFromRole: 'freshet-auditor',
    privileges: [{ resource: { db: 'shop', collection: '' }, actions: ['collStats'] }],
  })
  expect(code).toBe(78)
  expect(one('roles and users')).toMatchObject({
    verdict: 'fault',
    seen: 'the role freshet-auditor@shop has other privileges; the user freshet-auditor@shop has other roles',
    remedy: 'Run `freshet migrate`.',
  })
})

test('with the rights of a reader, the server is asked only what it answers', async () => {
  const options = ['--admin-db-file=reader', '--database=shop', `--collections=${join(root, 'collections')}`]
  const { code, findings } = await doctor(options, files())
  expect(code).toBe(0)
  const unchecked = findings.filter(({ verdict }) => verdict === 'not checked').map(({ name }) => name)
  expect(unchecked).toEqual(['oplog', 'roles and users', 'connections', 'snapshot history'])
})

test('a writer’s address for readers is a fault, and one that leads nowhere ends with 69', async () => {
  const { code, one } = await doctor(['--db-file=a', '--database=shop'], { a: operated.db.uriFor('writer') })
  expect(code).toBe(78)
  expect(one('reader: G4 role')).toMatchObject({
    verdict: 'fault',
    remedy: expect.stringContaining('reader role'),
  })
  const nowhere = { a: 'mongodb://a:secret@127.0.0.1:1/?directConnection=true' }
  for (const option of ['--db-file=a', '--admin-db-file=a']) {
    const lost = await doctor([option, '--database=shop'], nowhere)
    expect(lost.code).toBe(69)
    expect(lost.findings.some(({ verdict }) => verdict === 'fault')).toBe(true)
    expect(JSON.stringify(lost.findings)).not.toContain('secret')
  }
})

const manifests = ['base/reader.yaml', 'base/writer.yaml', 'components/messages/delivery.yaml']
  .map((file) => readFileSync(join(root, 'infra/k8s', file), 'utf8'))
  .join('\n---\n')

test('the manifests of this repository have no fault', async () => {
  const { code, findings } = await doctor(['--manifests=all.yaml'], { 'all.yaml': manifests })
  expect(code).toBe(0)
  expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  expect(findings).toHaveLength(18)
})

test.each<[string, RegExp, string, string, RegExp]>([
  [
    'a limit that is too low',
    /memory: 640Mi/g,
    'memory: 400Mi',
    'freshet-reader: memory',
    /^Set resources\.limits\.memory to 6\d\dMi/,
  ],
  [
    'liveness that depends on the database',
    /(livenessProbe:\s+httpGet:\s+path:) \/livez/,
    '$1 /readyz',
    'freshet-reader: livenessProbe',
    /^Use GET \/livez/,
  ],
  [
    'no startup probe',
    /startupProbe:/,
    'otherProbe:',
    'freshet-reader: startupProbe',
    /^Add it: GET \/livez/,
  ],
  [
    'no time to drain',
    /terminationGracePeriodSeconds: 20/,
    'terminationGracePeriodSeconds: 10',
    'freshet-reader: termination',
    /to 20, or running requests are cut/,
  ],
  [
    'service links',
    /enableServiceLinks: false/,
    'enableServiceLinks: true',
    'freshet-reader: service links',
    /^Set enableServiceLinks: false/,
  ],
])('in manifests, %s is a fault', async (_, from, to, name, remedy) => {
  const { code, findings } = await doctor(['--manifests=a'], { a: manifests.replace(from, to) })
  expect(code).toBe(78)
  expect(findings.filter(({ verdict }) => verdict === 'fault')).toEqual([
    expect.objectContaining({ name, remedy: expect.stringMatching(remedy) }),
  ])
})

test('a file without workloads is a fault, and one that is not YAML or is missing an error', async () => {
  expect(await doctor(['--manifests=a'], { a: 'kind: Service' })).toMatchObject({ code: 78 })
  expect(await doctor(['--manifests=a'], { a: 'kind: [' })).toMatchObject({ code: 1, findings: [] })
  expect(await doctor(['--manifests=a'])).toMatchObject({ code: 1, said: expect.stringContaining('ENOENT') })
})
