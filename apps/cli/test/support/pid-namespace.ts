import { spawnSync } from 'node:child_process'

/** As in a container: process ids begin at 1, those outside are not seen, and all end with the first. */
const flags = ['--pid', '--fork', '--kill-child', '--mount-proc']
const asOther = process.getuid?.() === 0 ? [] : ['--map-root-user']

/** What runs a command in a pid namespace of its own. `burnt`: so many ids are taken before it gets its own. */
export function inPidNamespace(burnt = 0): readonly string[] {
  const shell = `n=0; while [ $n -lt ${burnt} ]; do /bin/true; n=$((n + 1)); done; "$@"; exit $?`
  return ['unshare', ...asOther, ...flags, ...(burnt === 0 ? [] : ['sh', '-c', shell, 'sh'])]
}

/** Whether this machine lets us. In CI it has to: there the tests fail that need it. */
export function hasPidNamespaces(): boolean {
  const [command = '', ...words] = inPidNamespace()
  const { status, error, stderr } = spawnSync(command, [...words, 'true'], { encoding: 'utf8' })
  if (status === 0 || process.env['CI'] !== undefined) return true
  process.stderr.write(`Skipped, since no pid namespace can be made: ${error?.message ?? stderr}\n`)
  return false
}
