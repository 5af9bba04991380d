import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attack } from '../attacks/attack.ts'

/** The names that attempts can use, as declarations. */
export type Door = string

/** What a reader has. */
export const readersDoor: Door = [
  `import * as guard from '../src/index.ts'`,
  `declare const connection: guard.ReadConnection`,
].join('; ')

/** What code without restrictive types has. */
export const driversDoor: Door = [
  `import * as guard from 'mongodb'`,
  `declare const connection: guard.Db & {
    readonly client: guard.MongoClient
    run(command: guard.Document): Promise<guard.Document>
  }`.replaceAll('\n', ' '),
].join('; ')

/**
 * Errors that mean "this does not exist" and not merely "an argument is missing": not assignable, no such property, not
 * callable, not constructable, an unknown key.
 * https://github.com/microsoft/TypeScript/blob/main/src/compiler/diagnosticMessages.json
 */
const refusals: ReadonlySet<string> = new Set([
  'TS2322',
  'TS2339',
  'TS2345',
  'TS2349',
  'TS2351',
  'TS2353',
  'TS2551',
  'TS2561',
  'TS2559',
  'TS2769',
])

/** Reads that must compile; otherwise the errors of the others would mean nothing. */
export const reads: readonly string[] = [
  'connection.run({ aggregate: "docs", pipeline: [{ $match: { a: 1 } }, { $lookup: { from: "b", pipeline: [{ $limit: 1 }], as: "x" } }] })',
  'connection.run({ find: "docs", filter: {} })',
]

/** The real compiler's errors for each source, with the repository's settings. */
export async function errorsOf(
  sources: readonly string[],
  door: Door,
): Promise<readonly (readonly string[])[]> {
  const packageFolder = join(import.meta.dirname, '../..')
  const folder = await mkdtemp(join(packageFolder, '.attempts-'))
  try {
    const lines = [
      door,
      ...sources.map((source, index) => `export const a${index} = (): unknown => ${source}`),
    ]
    await writeFile(join(folder, 'attempts.ts'), lines.join('\n'))
    await writeFile(
      join(folder, 'tsconfig.json'),
      '{ "extends": "../tsconfig.json", "include": ["attempts.ts"] }',
    )
    const output = await compile(folder)
    return sources.map((_, index) =>
      [...output.matchAll(/attempts\.ts\((\d+),\d+\): error (TS\d+: .*)/g)]
        .filter(([, line]) => Number(line) === index + 2)
        .map(([, , text]) => text ?? ''),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** G1: the names of attacks that compile, with the output. */
export async function throughTypes(attacks: readonly Attack[], door: Door): Promise<readonly string[]> {
  const tried = attacks.flatMap(({ name, source }) => (typeof source === 'string' ? [{ name, source }] : []))
  const sources = tried.map(({ source }) => source)
  const errors = await errorsOf([...sources, ...reads], door)
  const broken = reads.filter((_, index) => (errors[sources.length + index] ?? []).length > 0)
  if (broken.length > 0) throw new Error(`expected reads to compile: ${broken.join('; ')}`)
  return tried
    .filter((_, index) => !(errors[index] ?? []).some((error) => refusals.has(error.split(':')[0] ?? '')))
    .map(({ name }) => name)
}

function compile(folder: string): Promise<string> {
  const tsc = join(import.meta.dirname, '../../../../node_modules/.bin/tsc')
  return new Promise((resolve, reject) => {
    execFile(tsc, ['-p', folder, '--pretty', 'false'], { maxBuffer: 1 << 24 }, (error, stdout) => {
      // Exit codes 1 and 2 are type errors, as intended.
      if (error && typeof error.code !== 'number') reject(error)
      else resolve(stdout)
    })
  })
}
