import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { TestServer } from './test-server.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')
let folder: string
let server: TestServer

/** A third-party project with the packages as they would be published, and nothing else of this repository. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freshet-guard-'))
  server = await TestServer.open({ accessControl: true })
  const pnpm = (cwd: string, ...args: readonly string[]): Promise<unknown> =>
    run(join(root, 'node_modules/.bin/pnpm'), args, { cwd })
  await run(join(root, 'node_modules/.bin/turbo'), ['run', 'build', '--filter=@freshet/guard...'], {
    cwd: root,
  })
  for (const name of ['bson', 'kit', 'mongodb-rules', 'protocol', 'guard'])
    await pnpm(join(root, 'packages', name), 'pack', '--pack-destination', folder)
  const tarballs = (await readdir(folder)).filter((file) => file.endsWith('.tgz'))
  const own = Object.fromEntries(
    tarballs.map((file) => [`@freshet/${/freshet-(.+)-\d+\.\d+\.\d+/.exec(file)?.[1]}`, `file:./${file}`]),
  )
  const manifest = { name: 'reports', type: 'module', dependencies: { ...own, mongodb: '7.9.0' } }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  // The guard's dependencies are not in a registry here, so the tarballs replace them.
  const overrides = Object.entries(own).map(([name, file]) => `  '${name}': '${file}'`)
  await writeFile(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('\n')}\n`)
  await pnpm(folder, 'install', '--prefer-offline', '--no-frozen-lockfile')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** The programs of the README, verbatim. */
async function programs(): Promise<readonly string[]> {
  const text = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  return [...text.matchAll(/```js\n(.*?)```/gs)].map(([, program]) => program ?? '')
}

test('I.1 it can be installed alone, and the programs of its README run', async () => {
  const [reading = ''] = await programs()
  await writeFile(join(folder, 'read.js'), reading.replaceAll("'shop'", "'app'"))
  const env = { ...process.env, MONGODB_URI: server.uri('builtin') }
  const { stdout } = await run(process.execPath, ['read.js'], { cwd: folder, env })
  expect(stdout).toContain('guard: veto in force, role in force (user builtin@admin, roles read@app)')
})

test('I.1 it includes its types: what is refused here does not compile elsewhere', async () => {
  const compile = async (source: string): Promise<string> => {
    await writeFile(join(folder, 'use.ts'), `import type { ReadConnection } from '@freshet/guard'\n${source}`)
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--skipLibCheck',
      'use.ts',
    ]
    return await run(join(root, 'node_modules/.bin/tsc'), options, { cwd: folder }).then(
      ({ stdout }) => stdout,
      (error: unknown) => String(Reflect.get(Object(error), 'stdout')),
    )
  }
  const door = 'declare const connection: ReadConnection;'
  expect(await compile(`${door} void connection.run({ find: 'docs' })`)).toBe('')
  expect(await compile(`${door} void connection.run({ insert: 'docs', documents: [] })`)).toContain('TS2345')
})
