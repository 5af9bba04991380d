import type { CommandContext } from '../command.ts'
import { FileLock } from '../file-lock.ts'
import { StateFolder } from '../state-folder.ts'
import { runningFile, runningLock } from './running.ts'
import type { RunningDev } from './running.ts'

/** A command that checks for a run holds the lock for some milliseconds. */
const claimWithinMs = 1_000
const retryEveryMs = 50

/** Publishes a run to the other commands, in the current directory, wherever the run stores its data. */
export class Announcement implements Disposable {
  readonly #context: CommandContext
  readonly #here: StateFolder
  #lock: FileLock | undefined

  /** @throws {CliError} NOT_OURS */
  constructor(context: CommandContext) {
    this.#context = context
    this.#here = StateFolder.kept(context.cwd)
  }

  /** Writes the files, unless another run is active in this directory. */
  async publish(running: RunningDev): Promise<void> {
    const { clock, stopped, say } = this.#context
    const path = this.#here.file(runningLock)
    const untilMs = clock.now() + claimWithinMs
    this.#lock = FileLock.take(path)
    while (this.#lock === undefined && clock.now() < untilMs && !stopped.aborted) {
      await clock.sleep(retryEveryMs, stopped)
      this.#lock = FileLock.take(path)
    }
    if (this.#lock === undefined)
      return say('Another run is active in this directory and keeps its files in .freshet/.')
    this.#here.write(runningFile, JSON.stringify(running))
    this.#here.write('token', running.token)
  }

  [Symbol.dispose](): void {
    if (this.#lock === undefined) return
    this.#here.remove(runningFile)
    this.#here.remove('token')
    this.#lock.release()
    this.#lock = undefined
  }
}
