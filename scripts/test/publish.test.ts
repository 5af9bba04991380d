import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { root } from './readme-text.ts'

const run = promisify(execFile)

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** The public packages: folder names. */
const packages = readdirSync(join(root, 'packages')).filter(
  (name) => !manifestOf(join(root, 'packages', name)).private,
)

/** A third-party project with all packages as they would be published, and nothing else of this repository. */
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freshet-publish-'))
  const pnpm = join(root, 'node_modules/.bin/pnpm')
  const filters = packages.map((name) => `--filter=@freshet/${name}`)
  await run(pnpm, [...filters, '--recursive', 'pack', '--pack-destination', folder], { cwd: root })
  // `embed` is used alongside the driver, as its README says.
  const mongodb = String(manifestOf(join(root, 'packages/embed/node_modules/mongodb'))['version'])
  const own = Object.fromEntries(
    (await readdir(folder)).map((file) => [
      file.replace(/^freshet-(.*)-\d+\.\d+\.\d+\.tgz$/, '@freshet/$1'),
      `file:./${file}`,
    ]),
  )
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', type: 'module', dependencies: { ...own, mongodb } }),
  )
  // The packages are not in a registry, so the tarballs replace them.
  const overrides = Object.entries(own).map(([name, file]) => `  '${name}': '${file}'`)
  await writeFile(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('\n')}\n`)
  await run(pnpm, ['install', '--prefer-offline', '--no-frozen-lockfile'], { cwd: folder })
})
afterAll(() => rm(folder, { recursive: true }))

const installed = (name: string): string => join(folder, 'node_modules/@freshet', name)

test('the dependencies of a public package are public too', () => {
  for (const name of packages) {
    const needed = Object.keys(manifestOf(join(root, 'packages', name)).dependencies ?? {})
    const own = needed
      .filter((one) => one.startsWith('@freshet/'))
      .map((one) => one.slice('@freshet/'.length))
    expect({ name, missing: own.filter((one) => !packages.includes(one)) }).toEqual({ name, missing: [] })
  }
})

test('each package is packed with its registry metadata, and with versions instead of workspace protocols', async () => {
  for (const name of packages) {
    const manifest = manifestOf(installed(name))
    expect(manifest).toMatchObject({
      name: `@freshet/${name}`,
      description: expect.stringMatching(/\.$/),
      keywords: expect.arrayContaining(['freshet']),
      license: 'Apache-2.0',
      repository: { directory: `packages/${name}` },
      engines: { node: '>=20.19' },
    })
    expect(JSON.stringify(manifest)).not.toMatch(/workspace:|catalog:/)
    const files = await readdir(installed(name))
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist', 'package.json', 'src']))
    expect(files).not.toContain('test')
  }
})

/** The programs in one language in a README. */
async function programs(name: string, language: 'js' | 'ts'): Promise<readonly string[]> {
  const text = await readFile(join(installed(name), 'README.md'), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code = '']) => code)
}

/** Programs that need a database are run by the tests of their own packages. */
const withDatabase = ['guard', 'embed', 'handlers']

/** Their examples are TypeScript, because there is nothing they could run against. */
const onlyTyped = [
  'change-stream-log',
  'change-stream-mongodb',
  'change-stream-postgres',
  'postgres-client',
  'replica',
  'service',
]

test.each(packages.filter((name) => ![...withDatabase, ...onlyTyped].includes(name)))(
  'the program in the README of %s prints the documented output, in plain JavaScript',
  async (name) => {
    const all = await programs(name, 'js')
    expect(all).not.toEqual([])
    for (const program of all) {
      await writeFile(join(folder, 'program.js'), program)
      const { stdout } = await run(process.execPath, ['program.js'], { cwd: folder })
      const said = [...program.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text)
      expect(stdout.trim().split('\n')).toEqual(said)
    }
  },
)

/** Declarations that the programs of a README assume. */
const given: Readonly<Record<string, string>> = {
  handlers: `import { systemClock as clock } from '@freshet/kit'
    import type { HeardChange } from '@freshet/handlers'
    declare const change: HeardChange
    declare const signal: AbortSignal`,
}

test('all programs and types compile in a strict project', async () => {
  await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const names = packages.map((name, n) => `import * as p${n} from '@freshet/${name}'`)
  await writeFile(
    join(folder, 'all.ts'),
    `${names.join('\n')}\nvoid [${packages.map((_, n) => `p${n}`).join()}]\n`,
  )
  const files = ['all.ts']
  for (const name of packages) {
    const typed = await programs(name, 'ts')
    const plain = withDatabase.includes(name) ? (await programs(name, 'js')).join('\n') : ''
    const all = [...typed, plain.replaceAll(/process\.env\.\w+/g, 'String($&)')]
    for (const [n, program] of all.entries()) {
      files.push(`${name}-${n}.ts`)
      await writeFile(join(folder, `${name}-${n}.ts`), `${given[name] ?? ''}\n${program}\nexport {}\n`)
    }
  }
  const options = {
    strict: true,
    // The guard uses driver internals, some of which have no public types.
    skipLibCheck: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
  const compiled = await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder }).then(
    () => '',
    (error: unknown) => String(Reflect.get(Object(error), 'stdout')),
  )
  expect(compiled).toBe('')
})
