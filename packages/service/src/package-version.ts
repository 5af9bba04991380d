import { readFileSync } from 'node:fs'

/** The `version` in the `package.json` one folder above the module with this `import.meta.url`. */
export function packageVersion(moduleUrl: string): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', moduleUrl), 'utf8'))
  const version: unknown =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest && manifest.version
  if (typeof version === 'string') return version
  throw new TypeError(`expected a version in the package.json beside ${moduleUrl}, got ${String(version)}`)
}
