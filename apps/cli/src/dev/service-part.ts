import type { Part } from '@freshet/kit'
import { requestDirectly } from '../direct-request.ts'
import type { CommandContext } from '../command.ts'
import { CliError } from '../errors.ts'
import { Child } from './child.ts'
import type { ChildOptions, Endpoints } from './child.ts'

const readyWithinMs = 60_000
const pollEveryMs = 50
const maxAnswerBytes = 64 * 2 ** 10

/** Options of a service. */
export interface ServicePartOptions {
  readonly context: CommandContext
  /** Called at start, when all addresses are known. */
  readonly child: () => ChildOptions
  readonly name: string
  /** Called when the process ends unexpectedly. */
  readonly onEnd: (how: string, logFile: string) => void
}

/** One service of the run: a child process that has started once it is ready. */
export class ServicePart implements Part {
  readonly name: string
  readonly #options: ServicePartOptions
  #child: Child | undefined
  #endpoints: Endpoints | undefined
  #stopping = false

  constructor(options: ServicePartOptions) {
    this.name = options.name
    this.#options = options
  }

  /** URLs of the service; empty until it has started. */
  get endpoints(): Endpoints {
    return this.#endpoints ?? { url: '', managementUrl: '' }
  }

  async start(): Promise<void> {
    const child = new Child(this.#options.child())
    this.#child = child
    this.#endpoints = await child.endpoints()
    void this.#watch(child)
    await this.#waitUntilReady(this.#endpoints.managementUrl, child.logFile)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#child?.stop()
  }

  async #watch(child: Child): Promise<void> {
    const how = await child.ended
    if (!this.#stopping) this.#options.onEnd(how, child.logFile)
  }

  async #waitUntilReady(managementUrl: string, logFile: string): Promise<void> {
    const { clock, stopped } = this.#options.context
    const untilMs = clock.now() + readyWithinMs
    while (!this.#stopping) {
      const reason = await unreadyReason(managementUrl)
      if (reason === undefined) return
      if (clock.now() > untilMs)
        throw new CliError(
          'NOT_READY',
          `${this.name} is not ready after ${readyWithinMs} ms: ${reason}. Its log is ${logFile}.`,
        )
      await clock.sleep(pollEveryMs, stopped)
      if (stopped.aborted) return
    }
  }
}

/** Why a service is not ready, or `undefined` if it is. */
async function unreadyReason(managementUrl: string): Promise<string | undefined> {
  try {
    const { status, body } = await requestDirectly(`${managementUrl}/readyz`, {
      signal: AbortSignal.timeout(2_000),
      maxBytes: maxAnswerBytes,
    })
    return status === 200 ? undefined : `${status} ${body.toString().trim()}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
