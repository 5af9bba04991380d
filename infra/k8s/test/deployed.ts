import { execFile } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from '@swc/core'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

/** The folder that an image is made of: one app, built, with what it needs to run and nothing else. */
export class Deployed implements AsyncDisposable {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** @param app `reader`, `writer`. */
  static async make(app: string): Promise<Deployed> {
    // The real path: links inside of the folder are compared with it.
    const folder = realpathSync(await mkdtemp(join(tmpdir(), `freshet-${app}-`)))
    const deploy = ['--filter', `@freshet/${app}`, '--prod', '--prefer-offline', 'deploy', folder]
    await run(join(root, 'node_modules/.bin/turbo'), ['run', 'build', `--filter=@freshet/${app}...`], {
      cwd: root,
    })
    await run(join(root, 'node_modules/.bin/pnpm'), deploy, { cwd: root })
    return new Deployed(folder)
  }

  /** Every package in it, by name. */
  async packages(): Promise<readonly string[]> {
    const entries = await readdir(join(this.folder, 'node_modules/.pnpm'))
    return entries
      .filter((entry) => entry.includes('@') && !entry.endsWith('.yaml'))
      .map((entry) => entry.replace('+', '/').replace(/(?<=.)@.*$/, ''))
  }

  /** Our own files of JavaScript in it, by their path from the package. */
  async ownFiles(): Promise<ReadonlyMap<string, string>> {
    const store = join(this.folder, 'node_modules/.pnpm')
    const entries = (await readdir(store)).filter((entry) => entry.startsWith('@freshet+'))
    const folders = entries.map((entry) => {
      const name = entry.slice('@freshet+'.length).split('@')[0] ?? ''
      return [name, join(store, entry, 'node_modules/@freshet', name, 'dist')] as const
    })
    const files = new Map<string, string>()
    for (const [name, folder] of [['app', join(this.folder, 'dist')] as const, ...folders])
      for (const file of await readdir(folder, { recursive: true }))
        if (file.endsWith('.js')) files.set(`${name}/${file}`, await readFile(join(folder, file), 'utf8'))
    return files
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true })
  }
}

const writingVerbs: ReadonlySet<string> = new Set([
  'bulkWrite',
  'createCollection',
  'createIndex',
  'createIndexes',
  'deleteMany',
  'deleteOne',
  'dropCollection',
  'dropDatabase',
  'findOneAndDelete',
  'findOneAndReplace',
  'findOneAndUpdate',
  'insertMany',
  'insertOne',
  'replaceOne',
  'startTransaction',
  'updateMany',
  'updateOne',
  'withTransaction',
])
const writingCommands: ReadonlySet<string> = new Set([
  'insert',
  'update',
  'delete',
  'findAndModify',
  'bulkWrite',
])

/** Calls in a file of JavaScript that would write to a database: a verb of the driver, or a command by hand. */
export async function writesIn(source: string): Promise<readonly string[]> {
  const found: string[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Reflect.get(node, 'type') === 'CallExpression') found.push(...writeOf(node))
    // A command that is made in one place and sent in another.
    if (Reflect.get(node, 'type') === 'ObjectExpression') found.push(...commandOf(node))
    for (const child of Object.values(node)) visit(child)
  }
  visit(await parse(source, { syntax: 'ecmascript', target: 'es2022' }))
  return found
}

function writeOf(call: object): readonly string[] {
  const callee: unknown = Reflect.get(call, 'callee')
  if (typeof callee !== 'object' || callee === null) return []
  const name = String(valueOf(Reflect.get(callee, 'property')))
  return writingVerbs.has(name) ? [name] : []
}

/** An object whose first name is that of a writing command, and that carries its statements. */
function commandOf(object: object): readonly string[] {
  const properties: unknown = Reflect.get(object, 'properties')
  const keys = (Array.isArray(properties) ? properties : []).map((each) => String(valueOf(each?.key)))
  const [first = ''] = keys
  const carries = ['documents', 'updates', 'deletes', 'query', 'ops'].some((key) => keys.includes(key))
  return writingCommands.has(first) && carries ? [`{ ${first} }`] : []
}

function valueOf(node: unknown): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, 'value') : undefined
}
