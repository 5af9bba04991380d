import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** A process and all its descendants, including known ones whose parents have ended. */
export class Family implements Disposable {
  readonly #seen: Set<number>

  constructor(pid: number) {
    this.#seen = new Set([pid])
  }

  /** All running processes of the family. */
  running(): readonly number[] {
    const parents = parentsOfAll()
    let grown = true
    while (grown) {
      grown = false
      for (const [pid, parent] of parents) {
        if (!this.#seen.has(parent) || this.#seen.has(pid)) continue
        this.#seen.add(pid)
        grown = true
      }
    }
    return [...this.#seen].filter((pid) => existsSync(`/proc/${pid}`))
  }

  /** Kills what a failed test left running. */
  [Symbol.dispose](): void {
    for (const pid of this.running()) process.kill(pid, 'SIGKILL')
  }
}

/** Each process of this machine and its parent, from https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function parentsOfAll(): ReadonlyMap<number, number> {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // The program name, in parentheses, may contain spaces.
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      parents.set(Number(name), Number(parent))
    } catch {
      // The process has ended meanwhile.
    }
  }
  return parents
}
