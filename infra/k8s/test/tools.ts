import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'freshet', 'tools')

/** Where `tools.sh` puts the schemas of each version of Kubernetes. */
export const schemas = join(cache, 'schemas')

/** The path of a tool: from `tools.sh`, or from the PATH. */
export function toolPath(name: string): string | undefined {
  const folders = [cache, ...(process.env['PATH'] ?? '').split(delimiter)]
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

/** Says that tests are skipped since a tool is missing. Returns whether all are there. */
export function haveTools(...names: readonly string[]): boolean {
  const missing = names.filter((name) => toolPath(name) === undefined)
  if (missing.length > 0)
    process.stderr.write(
      `SKIPPED: ${missing.join(', ')} not found. infra/k8s/tools.sh installs the tools of these tests.\n`,
    )
  return missing.length === 0
}

/** Runs a tool and returns its output. @param toleratedExit an exit code that is no failure. @throws {Error} with what it printed */
export function runTool(name: string, args: readonly string[], input = '', toleratedExit = 0): string {
  const { status, stdout, stderr, error } = spawnSync(toolPath(name) ?? name, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  if (error === undefined && (status === 0 || status === toleratedExit)) return stdout
  throw new Error(`${name} ${args.join(' ')}: ${error?.message ?? ''}${stderr}${stdout}`)
}
