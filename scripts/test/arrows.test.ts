import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '../..')

/** Allowed run-time dependencies, as in ARCHITECTURE.md. */
const arrows: Record<string, readonly string[]> = {
  kit: [],
  protocol: [],
  roles: ['mongodb-rules'],
  k8s: [],
  bson: ['protocol'],
  'mongodb-rules': ['protocol'],
  documents: ['kit', 'protocol'],
  'documents-mongodb': ['bson', 'documents', 'protocol'],
  guard: ['bson', 'kit', 'mongodb-rules', 'protocol'],
  handlers: ['kit', 'protocol'],
  cache: ['kit', 'protocol'],
  messages: ['protocol'],
  'change-stream': ['kit', 'protocol'],
  'change-stream-log': ['change-stream', 'documents-mongodb', 'kit', 'protocol'],
  'change-stream-mongodb': ['bson', 'change-stream', 'guard', 'kit', 'mongodb-rules', 'protocol'],
  'postgres-rules': ['protocol'],
  'documents-postgres': ['documents', 'postgres-rules', 'protocol'],
  'postgres-client': ['postgres-rules'],
  'change-stream-postgres': ['change-stream', 'kit', 'postgres-client', 'postgres-rules', 'protocol'],
  postgres: [],
  debezium: ['postgres'],
  replica: ['cache', 'change-stream', 'kit', 'protocol'],
  embed: [
    'change-stream',
    'change-stream-mongodb',
    'change-stream-postgres',
    'guard',
    'handlers',
    'kit',
    'mongodb-rules',
    'postgres-rules',
    'protocol',
    'replica',
  ],
  service: ['kit', 'protocol'],
  mongod: ['kit'],
  migration: ['kit', 'mongodb-rules', 'roles'],
  'migration-postgres': ['postgres-client', 'postgres-rules', 'protocol'],
  testkit: ['kit', 'migration', 'mongod', 'protocol', 'roles'],
  delivery: [
    'bson',
    'change-stream',
    'change-stream-mongodb',
    'guard',
    'kit',
    'messages',
    'mongodb-rules',
    'protocol',
    'service',
  ],
  writer: [
    'documents',
    'documents-mongodb',
    'documents-postgres',
    'kit',
    'messages',
    'mongodb-rules',
    'postgres-client',
    'postgres-rules',
    'protocol',
    'roles',
    'service',
  ],
  reader: [
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
    'protocol',
    'replica',
    'service',
  ],
  // The apps are started as processes: declared so that they are built first, but never imported.
  cli: [
    'bson',
    'change-stream',
    'change-stream-log',
    'change-stream-postgres',
    'delivery',
    'documents',
    'documents-mongodb',
    'guard',
    'kit',
    'migration',
    'migration-postgres',
    'mongod',
    'mongodb-rules',
    'postgres',
    'postgres-rules',
    'protocol',
    'reader',
    'roles',
    'service',
    'writer',
  ],
}

/** Where the MongoDB driver may be imported. */
const mayImportMongodb =
  /^(packages\/(guard|migration|testkit)\/src\/|packages\/embed\/src\/mongodb\/|apps\/writer\/src\/store\/mongodb\/)/

/** Where the PostgreSQL driver may be imported. */
const mayImportPg =
  /^(packages\/(change-stream-postgres|migration-postgres|postgres|postgres-client)\/src\/|apps\/writer\/src\/store\/postgres\/)/

/** Packages that any test may use. */
const testing = new Set([
  'debezium',
  'kit',
  'migration',
  'migration-postgres',
  'mongod',
  'postgres',
  'protocol',
  'roles',
  'testkit',
])

/** Additional packages for tests of single packages. */
const provedWith: Readonly<Record<string, readonly string[]>> = {
  'documents-postgres': ['documents-mongodb'],
  writer: ['change-stream-postgres'],
  'migration-postgres': ['change-stream-postgres'],
  k8s: ['delivery', 'reader', 'service', 'writer'],
  replica: ['change-stream-mongodb', 'change-stream-postgres', 'guard', 'mongodb-rules'],
}

interface Manifest {
  readonly name: string
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  /** Needed only by users of a part: the conformance suite needs a test runner. */
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const folders = ['packages', 'apps', 'infra'].flatMap((parent) =>
  readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`)
    .filter((folder) => readdirSync(join(root, folder)).includes('package.json')),
)

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest

const sourcesOf = (folder: string): readonly string[] =>
  (existsSync(join(root, folder, 'src'))
    ? readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
    : []
  )
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/src/${file}`)

const importsOf = (file: string): readonly string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /(?:^(?:import|export|\})[^'\n]*\bfrom\s+|^import\s+|\bimport\()'([^'.\n][^'\n]*)'/gm,
    ),
  ].map((match) => match[1] ?? '')

test('every package is listed', () => {
  const names = folders.map((folder) => manifestOf(folder).name.replace('@freshet/', ''))
  expect(names.toSorted()).toEqual(Object.keys(arrows).toSorted())
})

test.each(folders)('%s depends only on allowed packages', (folder) => {
  const { name, dependencies = {}, devDependencies = {} } = manifestOf(folder)
  const ours = (names: object): readonly string[] =>
    Object.keys(names).flatMap((name) => (name.startsWith('@freshet/') ? [name.slice(9)] : []))
  const short = name.slice(9)
  const allowed = new Set(arrows[short])
  expect(ours(dependencies).filter((used) => !allowed.has(used))).toEqual([])
  const tested = ours(devDependencies).filter((used) => !testing.has(used) && !allowed.has(used))
  expect(tested.filter((used) => !provedWith[short]?.includes(used))).toEqual([])
})

test.each(folders)('%s imports only its run-time dependencies', (folder) => {
  const { name, dependencies, peerDependencies } = manifestOf(folder)
  const declared = { ...dependencies, ...peerDependencies }
  const undeclared = sourcesOf(folder).flatMap((file) =>
    importsOf(file)
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      )
      .filter((dependency) => dependency !== name && !(dependency in declared))
      .map((dependency) => `${file}: ${dependency}`),
  )
  expect(undeclared).toEqual([])
})

test('the MongoDB driver is imported only in allowed places', () => {
  const strays = folders
    .flatMap(sourcesOf)
    .filter((file) =>
      importsOf(file).some((specifier) => specifier === 'mongodb' || specifier.startsWith('mongodb/')),
    )
    .filter((file) => !mayImportMongodb.test(file))
  expect(strays).toEqual([])
})

test('the PostgreSQL driver is imported only in allowed places', () => {
  const users = folders
    .flatMap(sourcesOf)
    .filter((file) => importsOf(file).some((specifier) => /^pg(-|\/|$)/.test(specifier)))
  expect(users.filter((file) => !mayImportPg.test(file))).toEqual([])
  expect(users).not.toEqual([])
})

/** Packages that name no database and know no database encoding. The command line is a tool for one. */
const nameless = [
  ...[
    'kit',
    'protocol',
    'cache',
    'messages',
    'replica',
    'change-stream',
    'service',
    'documents',
    'handlers',
  ].map((name) => `packages/${name}`),
  ...folders.filter((folder) => folder.startsWith('apps/') && folder !== 'apps/cli'),
]

/** The directory of one database, and the file that chooses it. */
const mayNameDatabase = /^apps\/[a-z]+\/src\/(store|backend)\/(backend\.ts$|[a-z]+\/)/

test('databases are named only in their own directories, and in the one file that selects them', () => {
  const named = nameless
    .flatMap(sourcesOf)
    .filter((file) =>
      /mongo|\bbson\b|postgres|debezium|kafka|\bnats\b/i.test(
        `${file} ${readFileSync(join(root, file), 'utf8')}`,
      ),
    )
  expect(named.filter((file) => !mayNameDatabase.test(file))).toEqual([])
  // Finding nothing at all would prove nothing.
  expect(named).toEqual(
    expect.arrayContaining(['apps/reader/src/backend/backend.ts', 'apps/writer/src/store/backend.ts']),
  )
})

test('the command line does not import the apps', () => {
  const imported = sourcesOf('apps/cli').flatMap(importsOf)
  expect(imported.filter((specifier) => /^@freshet\/(reader|writer)$/.test(specifier))).toEqual([])
})
