import type { World } from '../command.ts'
import { FileLock } from '../file-lock.ts'
import { StateFolder } from '../state-folder.ts'
import { runningFile, runningLock } from './running.ts'
import type { RunningDev } from './running.ts'

/** A command that looks whether a run is there holds the lock for some milliseconds. */
const lookWithinMs = 1_000
const askEveryMs = 50

/** Tells the other commands of a run, in the folder where they look, wherever the run keeps its data. */
export class Announcement implements Disposable {
  readonly #world: World
  readonly #here: StateFolder
  #lock: FileLock | undefined

  /** @throws {CliError} NOT_OURS */
  constructor(world: World) {
    this.#world = world
    this.#here = StateFolder.kept(world.cwd)
  }

  /** Writes the files, unless another run has written them and goes on; that is said. */
  async make(running: RunningDev): Promise<void> {
    const { clock, stopped, say } = this.#world
    const path = this.#here.file(runningLock)
    const untilMs = clock.now() + lookWithinMs
    this.#lock = FileLock.take(path)
    while (this.#lock === undefined && clock.now() < untilMs && !stopped.aborted) {
      await clock.sleep(askEveryMs, stopped)
      this.#lock = FileLock.take(path)
    }
    if (this.#lock === undefined)
      return say('Another run goes on in this folder: the files in .freshet/ stay its own.')
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
