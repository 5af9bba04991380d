import { spawnSync } from 'node:child_process'
import { CliError } from './errors.ts'

/** A program and its arguments. */
export type Locker = readonly [program: string, ...args: readonly string[]]

/**
 * Programs that can lock a file that this process has open. Node.js has no API for flock(2). The lock belongs to the open file,
 * not to the process, so a child that inherits the file as descriptor 3 can take it and exit. Linux has `flock` (util-linux,
 * BusyBox), macOS has Perl. Each exits with 1 and prints nothing if another process holds the lock.
 */
export const lockers: readonly Locker[] = [
  ['flock', '-n', '3'],
  ['perl', '-e', 'open(F, "<&=3") or die $!; exit 0 if flock(F, 6); exit 1 if $!{EWOULDBLOCK}; die $!'],
  ['python3', '-c', 'import fcntl, sys\ntry: fcntl.flock(3, 6)\nexcept BlockingIOError: sys.exit(1)'],
]

/**
 * Locks an open file with the first available program. It stays locked until it is closed.
 * @returns false if another process holds the lock
 * @throws {CliError} NO_LOCKS
 */
export function lockOpenFile(file: number, by: readonly Locker[] = lockers): boolean {
  for (const [program, ...args] of by) {
    const { status, error, stderr } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe', file] })
    if (error !== undefined && 'code' in error && error.code === 'ENOENT') continue
    const message = String(stderr ?? '').trim()
    if (status === 0) return true
    if (status === 1 && message === '') return false
    throw new CliError('NO_LOCKS', `${program} could not lock a file: ${message || String(error ?? status)}.`)
  }
  const names = by.map(([program]) => program)
  throw new CliError('NO_LOCKS', `none of these programs to lock files is installed: ${names.join(', ')}.`)
}
