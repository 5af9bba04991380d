import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(import.meta.dirname, '../../..')

/** Node options that run the TypeScript sources of all packages without a build. */
export const fromSource: readonly string[] = [
  '--conditions=@freshet/source',
  `--import=${fileURLToPath(new URL('../hooks/from-source.mjs', import.meta.url))}`,
]

/** Node arguments that run an app: the build if it is up to date, because it starts twice as fast, or else the sources. */
export function appCommand(app: 'cli' | 'delivery' | 'reader' | 'writer'): readonly string[] {
  built ??= ['apps', 'packages', 'infra'].every((folder) =>
    readdirSync(join(root, folder)).every((name) => isBuilt(join(root, folder, name))),
  )
  const folder = join(root, 'apps', app)
  return built ? [join(folder, 'dist/main.js')] : [...fromSource, join(folder, 'src/main.ts')]
}
let built: boolean | undefined

function isBuilt(folder: string): boolean {
  const source = newest(join(folder, 'src'))
  return source === 0 || source < newest(join(folder, 'dist'))
}

/** Modification time of the newest file in a directory, in milliseconds since 1970; 0 if there is none. */
function newest(folder: string): number {
  let found = 0
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    found = Math.max(found, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return found
}

const entriesOf = (folder: string) => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
