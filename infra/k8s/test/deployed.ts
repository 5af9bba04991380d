import { execFile } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

/** The directory of an image: one built app with its production dependencies. */
export class Deployed implements AsyncDisposable {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** @param app `reader`, `writer`, `delivery`. */
  static async make(app: string): Promise<Deployed> {
    // The real path, to compare links inside the directory with.
    const folder = realpathSync(await mkdtemp(join(tmpdir(), `freshet-${app}-`)))
    const deploy = ['--filter', `@freshet/${app}`, '--prod', '--prefer-offline', 'deploy', folder]
    await run(join(root, 'node_modules/.bin/turbo'), ['run', 'build', `--filter=@freshet/${app}...`], {
      cwd: root,
    })
    await run(join(root, 'node_modules/.bin/pnpm'), deploy, { cwd: root })
    return new Deployed(folder)
  }

  /** All packages in it, by name. */
  async packages(): Promise<readonly string[]> {
    const entries = await readdir(join(this.folder, 'node_modules/.pnpm'))
    return entries
      .filter((entry) => entry.includes('@') && !entry.endsWith('.yaml'))
      .map((entry) => entry.replace('+', '/').replace(/(?<=.)@.*$/, ''))
  }

  /** Our own JavaScript files in it, by path relative to the package. */
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
