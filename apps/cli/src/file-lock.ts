import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { lockOpenFile } from './lock-open-file.ts'

/**
 * A file lock that the kernel releases when this process ends, however it ends. It works across containers that share the file,
 * where process ids are meaningless.
 * See https://man7.org/linux/man-pages/man2/flock.2.html
 */
export class FileLock implements Disposable {
  #file: number | undefined

  private constructor(file: number) {
    this.#file = file
  }

  /**
   * Locks a file, and creates it unless `existing` is set. Does not follow symbolic links. Takes about 5 ms.
   * @returns `undefined` if another process holds the lock, or has just deleted the file
   * @throws {CliError} NO_LOCKS; the system's errors of opening a file
   */
  static take(path: string, existing?: 'existing'): FileLock | undefined {
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
    return FileLock.#open(path, existing ? O_RDWR | O_NOFOLLOW : O_RDWR | O_CREAT | O_NOFOLLOW)
  }

  /** Whether a process holds the lock. Takes the lock briefly to find out. @throws like `take` */
  static isHeld(path: string): boolean {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false
    using lock = FileLock.#open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    return lock === undefined
  }

  static #open(path: string, flags: number): FileLock | undefined {
    const file = openSync(path, flags, 0o600)
    const lock = new FileLock(file)
    try {
      // The previous holder may have deleted the file between opening and locking.
      if (lockOpenFile(file) && lstatSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino)
        return lock
    } catch (error) {
      lock.release()
      throw error
    }
    lock.release()
    return undefined
  }

  /** Idempotent. */
  release(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
