import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { lockOpenFile } from './lock-open-file.ts'

/**
 * A lock that the kernel gives up when this process is gone, however it ended, and that holds between all processes that
 * see the file: those of other containers too, where a process id means nothing.
 * See https://man7.org/linux/man-pages/man2/flock.2.html
 */
export class FileLock implements Disposable {
  #file: number | undefined

  private constructor(file: number) {
    this.#file = file
  }

  /**
   * Takes the lock of a file, which is made unless `existing`; some 5 ms. No symbolic link is followed.
   * @returns nothing when another holds it, or has just deleted the file
   * @throws {CliError} NO_LOCKS; the system's errors of opening a file
   */
  static take(path: string, existing?: 'existing'): FileLock | undefined {
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
    return FileLock.#open(path, existing ? O_RDWR | O_NOFOLLOW : O_RDWR | O_CREAT | O_NOFOLLOW)
  }

  /** Whether somebody holds the lock of this file now. To find out it is held for a moment. @throws as `take` */
  static isHeld(path: string): boolean {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false
    using lock = FileLock.#open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    return lock === undefined
  }

  static #open(path: string, flags: number): FileLock | undefined {
    const file = openSync(path, flags, 0o600)
    const lock = new FileLock(file)
    try {
      // Between opening and locking its last holder may have deleted it: then it is nobody's.
      if (lockOpenFile(file) && lstatSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino)
        return lock
    } catch (error) {
      lock.release()
      throw error
    }
    lock.release()
    return undefined
  }

  /** Twice is once. */
  release(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
