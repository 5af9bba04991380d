import { spawnSync } from 'node:child_process'
import { CliError } from './errors.ts'

/** A program and what it is told. */
export type Locker = readonly [program: string, ...args: readonly string[]]

/**
 * What can lock a file that this process has open. Node.js has no call for it; a lock of flock(2) belongs to the open
 * file and not to the process that asked, so a program that gets the file as its third one may ask in our place, and
 * end. Linux has `flock` (util-linux, BusyBox), macOS has Perl. Each answers 1, and no word, when another holds it.
 */
export const lockers: readonly Locker[] = [
  ['flock', '-n', '3'],
  ['perl', '-e', 'open(F, "<&=3") or die $!; exit 0 if flock(F, 6); exit 1 if $!{EWOULDBLOCK}; die $!'],
  ['python3', '-c', 'import fcntl, sys\ntry: fcntl.flock(3, 6)\nexcept BlockingIOError: sys.exit(1)'],
]

/**
 * Locks an open file, by the first of these programs that is there. It stays locked until it is closed.
 * @returns whether the lock was had; otherwise another holds it
 * @throws {CliError} NO_LOCKS
 */
export function lockOpenFile(file: number, by: readonly Locker[] = lockers): boolean {
  for (const [program, ...args] of by) {
    const { status, error, stderr } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe', file] })
    if (error !== undefined && 'code' in error && error.code === 'ENOENT') continue
    const said = String(stderr ?? '').trim()
    if (status === 0) return true
    if (status === 1 && said === '') return false
    throw new CliError('NO_LOCKS', `${program} could not lock a file: ${said || String(error ?? status)}.`)
  }
  const names = by.map(([program]) => program)
  throw new CliError('NO_LOCKS', `no program to lock files with is there: ${names.join(', ')}.`)
}
