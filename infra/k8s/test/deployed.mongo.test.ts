import { generateKeyPairSync } from 'node:crypto'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { calls, deliveryCalls } from './calls.ts'
import { Deployed } from './deployed.ts'
import { environmentOf } from './environment.ts'
import { at, listAt, manifest, withMessages as manifests, type Manifest } from './manifests.ts'
import { allows } from './network.ts'
import { securityFaults } from './security-settings.ts'
import { writesIn } from './writes-in.ts'

const run = promisify(execFile)
let reader: Deployed
let writer: Deployed
let delivery: Deployed
beforeAll(async () => {
  reader = await Deployed.make('reader')
  writer = await Deployed.make('writer')
  delivery = await Deployed.make('delivery')
})
afterAll(async () => {
  await reader[Symbol.asyncDispose]()
  await writer[Symbol.asyncDispose]()
  await delivery[Symbol.asyncDispose]()
})

const onlyTraces = [
  'guard/canary.js: command { delete }',
  'guard/canary.js: { delete }',
  'guard/canary.js: command { insert }',
  'guard/canary.js: { insert }',
]

/** False positives. */
const innocent: ReadonlySet<string> = new Set([
  // The guard uses these to find what a handler's pipeline would write.
  'guard/handlers/written.js: $out',
  'guard/handlers/written.js: $merge',
  // The conformance suite asks its test to drop a collection; it has no client itself.
  'change-stream/conformance/describe-source.js: drop',
  // Passes a `ReadCommand` on, with a time limit. The commands of its callers are found themselves.
  'change-stream-mongodb/snapshot-queries.js: command {  }',
])

/** Packages and calls in a deployed directory that write. */
async function traces(deployed: Deployed): Promise<readonly string[]> {
  const packages = (await deployed.packages()).filter((name) =>
    /^(express|@freshet\/(writer|migration|mongod|roles|testkit|cli))$/.test(name),
  )
  const calls: string[] = []
  for (const [file, source] of await deployed.ownFiles())
    for (const call of await writesIn(source)) calls.push(`${file}: ${call}`)
  return [...packages, ...calls.filter((call) => !innocent.has(call))]
}

test('G0.1 the deployed reader contains only its allowed packages, and none that writes', async () => {
  const own = (await reader.packages()).filter((name) => name.startsWith('@freshet/'))
  expect(own.toSorted()).toEqual(
    [
      'bson',
      'cache',
      'change-stream',
      'change-stream-log',
      'change-stream-mongodb',
      'change-stream-postgres',
      'documents',
      'documents-mongodb',
      'guard',
      'kit',
      'messages',
      'mongodb-rules',
      'postgres-client',
      'postgres-rules',
      'protocol',
      'replica',
      'service',
    ].map((name) => `@freshet/${name}`),
  )
})

test('G0.2 in the deployed reader, only the guard’s own probes attempt writes, and they write nothing', async () => {
  expect(await traces(reader)).toEqual(onlyTraces)
  const files = await reader.ownFiles()
  expect(files.size).toBeGreaterThan(150)
  expect(files.get('guard/canary.js')).toMatch(/insert: controlCollection, documents: \[\]/)
  expect(files.get('guard/canary.js')).toMatch(/deletes: \[\{ q: \{ _id: \{ \$in: \[\] \} \}/)
})

test('G0.2 in the deployed delivery, which contains no package that writes, only these probes attempt writes', async () => {
  const own = (await delivery.packages()).filter((name) => name.startsWith('@freshet/'))
  expect(own.toSorted()).toEqual(
    [
      'bson',
      'change-stream',
      'change-stream-mongodb',
      'guard',
      'kit',
      'messages',
      'mongodb-rules',
      'protocol',
      'service',
    ].map((name) => `@freshet/${name}`),
  )
  expect(await traces(delivery)).toEqual(onlyTraces)
})

test('G0.2 negative control: the same check of the deployed writer finds its writes', async () => {
  expect(await traces(writer)).toEqual(
    expect.arrayContaining([
      'express',
      'app/store/mongodb/insert-group.js: { insert }',
      'app/store/mongodb/store.js: { update }',
    ]),
  )
})

/** What the layers outside the code depend on. To remove a layer, replace its part. */
interface LayerParts {
  readonly deployed: Deployed
  readonly manifests: readonly Manifest[]
}

/** The layers whose own tests fail, each tested independently. */
async function failing({ deployed, manifests }: LayerParts): Promise<readonly string[]> {
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy')
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment')
  const holds = {
    G0: (await traces(deployed)).every((trace) => onlyTraces.includes(trace)),
    G5: [...calls, ...deliveryCalls].every(([, call, allowed]) => allows(policies, call) === allowed),
    G8: deployments.length > 1 && deployments.every((each) => securityFaults(each).length === 0),
  }
  return Object.entries(holds).flatMap(([layer, held]) => (held ? [] : [layer]))
}

/** The same manifests, with those of one kind modified. */
const changed = (kind: string, change: (one: Manifest) => readonly Manifest[]): readonly Manifest[] =>
  manifests.flatMap((one) => (one.kind === kind ? change(one) : [one]))

test('G0.2 G5.1 G8.1 with all layers in place, the tests of every layer pass', async () => {
  expect(await failing({ deployed: reader, manifests })).toEqual([])
})

test.each<[string, () => Partial<LayerParts>]>([
  ['G0', () => ({ deployed: writer })],
  ['G5', () => ({ manifests: changed('NetworkPolicy', () => []) })],
  ['G8', () => ({ manifests: changed('Deployment', (one) => [unbelted(one)]) })],
])('negative control: removing only %s makes exactly its own tests fail', async (layer, without) => {
  expect(await failing({ deployed: reader, manifests, ...without() })).toEqual([layer])
})

/** A Deployment without security contexts. */
function unbelted(one: Manifest): Manifest {
  return JSON.parse(
    JSON.stringify(one, (key, value: unknown) => (key === 'securityContext' ? undefined : value)),
  )
}

test('G0.4 in the deployed reader, the driver resolves only from the guard', async () => {
  const resolves = async (folder: string): Promise<boolean> => {
    const script = `try { import.meta.resolve('mongodb'); console.log('yes') } catch { console.log('no') }`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder })
    return stdout.trim() === 'yes'
  }
  expect(await resolves(join(reader.folder, 'dist'))).toBe(false)
  const [guard] = readdirSync(join(reader.folder, 'node_modules/.pnpm')).filter((entry) =>
    entry.startsWith('@freshet+guard@'),
  )
  expect(
    await resolves(join(reader.folder, 'node_modules/.pnpm', guard ?? '', 'node_modules/@freshet/guard')),
  ).toBe(true)
})

test.each(['reader', 'writer', 'delivery'] as const)(
  'G8.2 the deployed %s runs with the command and environment of its manifest, answers its probes, and stops in time',
  async (app) => {
    await using db = await openTestDatabase({
      own: true,
      collections: ['orders', 'products'],
      messages: true,
    })
    const secrets = await mkdtemp(join(tmpdir(), 'freshet-secrets-'))
    await writeFile(join(secrets, 'mongodb-uri'), db.uriFor(app))
    const { publicKey } = generateKeyPairSync('ed25519')
    await writeFile(join(secrets, 'token-public-keys'), publicKey.export({ type: 'spki', format: 'pem' }))
    await writeFile(join(secrets, 'ticket-secret'), 'x'.repeat(32))
    const name = `freshet-${app}`
    const container = at(manifest('Deployment', name).spec, 'template', 'spec', 'containers', 0)
    const [, ...args] = listAt(container, 'command').map(String)
    const managementPort = await freePort()
    const { folder } = { reader, writer, delivery }[app]
    const child = spawn(process.execPath, args, {
      cwd: folder,
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        ...environmentOf(name, { database: 'shop' }),
        // Differences: nothing is mounted, and ports may be in use.
        FRESHET_HOST: '127.0.0.1',
        FRESHET_PORT: '0',
        FRESHET_MANAGEMENT_HOST: '127.0.0.1',
        FRESHET_MANAGEMENT_PORT: String(managementPort),
        ...(app !== 'delivery' && {
          FRESHET_COLLECTIONS: join(import.meta.dirname, '../../../collections'),
        }),
        FRESHET_MONGODB_URI_FILE: join(secrets, 'mongodb-uri'),
        FRESHET_TOKEN_PUBLIC_KEYS_FILE: join(secrets, 'token-public-keys'),
        FRESHET_DRAIN: '0s',
        // No writer runs beside it.
        ...(app === 'delivery' && {
          FRESHET_TICKET_SECRET_FILE: join(secrets, 'ticket-secret'),
          FRESHET_ALIVE_WITHIN: '1h',
        }),
      },
    })
    const exit = once(child, 'exit')
    try {
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        const path = String(at(container, probe, 'httpGet', 'path'))
        await eventually(async () => {
          const answer = await fetch(`http://127.0.0.1:${managementPort}${path}`)
          expect([path, answer.status, await answer.text()]).toEqual([path, 200, '{"ok":true}\n'])
        })
      }
    } finally {
      child.kill('SIGTERM')
      const [code] = await exit
      await rm(secrets, { recursive: true })
      expect(code).toBe(0)
    }
  },
)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
