import type { Part } from '@freshet/kit'
import { askDirectly } from '../ask-directly.ts'
import type { World } from '../command.ts'
import { CliError } from '../errors.ts'
import { Child } from './child.ts'
import type { ChildOptions, Doors } from './child.ts'

const readyWithinMs = 60_000
const askEveryMs = 50
const maxAnswerBytes = 64 * 2 ** 10

/** What a service of the run is made of. */
export interface ServicePartOptions {
  readonly world: World
  /** Called when it is time to start, since addresses are known only then. */
  readonly child: () => ChildOptions
  readonly name: string
  /** Called when the process is gone without having been asked. */
  readonly onEnd: (how: string, logFile: string) => void
}

/** One service of the run: a child process that counts as started when it says that it is ready. */
export class ServicePart implements Part {
  readonly name: string
  readonly #options: ServicePartOptions
  #child: Child | undefined
  #doors: Doors | undefined
  #stopping = false

  constructor(options: ServicePartOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Where it listens; known once it has started. */
  get doors(): Doors {
    return this.#doors ?? { url: '', managementUrl: '' }
  }

  async start(): Promise<void> {
    const child = new Child(this.#options.child())
    this.#child = child
    this.#doors = await child.doors()
    void this.#watch(child)
    await this.#ready(this.#doors.managementUrl, child.logFile)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#child?.stop()
  }

  async #watch(child: Child): Promise<void> {
    const how = await child.ended
    if (!this.#stopping) this.#options.onEnd(how, child.logFile)
  }

  async #ready(managementUrl: string, logFile: string): Promise<void> {
    const { clock, stopped } = this.#options.world
    const untilMs = clock.now() + readyWithinMs
    while (!this.#stopping) {
      const why = await unready(managementUrl)
      if (why === undefined) return
      if (clock.now() > untilMs)
        throw new CliError(
          'NOT_READY',
          `${this.name} is not ready after ${readyWithinMs} ms: ${why}. Its log is ${logFile}.`,
        )
      await clock.sleep(askEveryMs, stopped)
      if (stopped.aborted) return
    }
  }
}

/** Why `/readyz` says no, or nothing when it says yes. */
async function unready(managementUrl: string): Promise<string | undefined> {
  try {
    const { status, body } = await askDirectly(`${managementUrl}/readyz`, {
      signal: AbortSignal.timeout(2_000),
      maxBytes: maxAnswerBytes,
    })
    return status === 200 ? undefined : `${status} ${body.toString().trim()}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
