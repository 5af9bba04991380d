import { spawnSync } from 'node:child_process'

/** As in a container: process ids start at 1, outside processes are invisible, and all end with the first. */
const flags = ['--pid', '--fork', '--kill-child', '--mount-proc']
const asOther = process.getuid?.() === 0 ? [] : ['--map-root-user']

/** The prefix that runs a command in its own pid namespace. `burnt`: number of process ids used up before. */
export function inPidNamespace(burnt = 0): readonly string[] {
  const shell = `n=0; while [ $n -lt ${burnt} ]; do /bin/true; n=$((n + 1)); done; "$@"; exit $?`
  return ['unshare', ...asOther, ...flags, ...(burnt === 0 ? [] : ['sh', '-c', shell, 'sh'])]
}

/**
 * Whether this machine permits pid namespaces. CI must: there, the tests that need it fail instead of being skipped.
 */
export function hasPidNamespaces(): boolean {
  const [command = '', ...words] = inPidNamespace()
  const { status, error, stderr } = spawnSync(command, [...words, 'true'], { encoding: 'utf8' })
  if (status === 0 || process.env['CI'] !== undefined) return true
  process.stderr.write(`Skipped, since pid namespaces cannot be created: ${error?.message ?? stderr}\n`)
  return false
}
