import type { Part } from '@freshet/kit'
import { requestDirectly } from '../direct-request.ts'
import type { CommandContext } from '../command.ts'
import { CliError } from '../errors.ts'
import { Child } from './child.ts'
import type { ChildOptions, Endpoints } from './child.ts'
import type { PortPair } from './ports.ts'

const readyWithinMs = 60_000
const pollEveryMs = 50
const maxAnswerBytes = 64 * 2 ** 10

/** Options of a service. */
export interface ServicePartOptions {
  readonly context: CommandContext
  /** Called at start, when all addresses are known. `ports`: those of an earlier process. */
  readonly child: (ports?: PortPair) => ChildOptions
  readonly name: string
  /** A process that was ready and ends is started again, on the same ports: its clients come back by themselves. */
  readonly restarts?: true
  /** Called when the process ends unexpectedly. */
  readonly onEnd: (how: string, logFile: string) => void
}

/** One service of the run: a child process that has started once it is ready. */
export class ServicePart implements Part {
  readonly name: string
  readonly #options: ServicePartOptions
  #child: Child | undefined
  #endpoints: Endpoints | undefined
  readonly #stopped = new AbortController()
  #ready = false
  #awayMs = 0

  constructor(options: ServicePartOptions) {
    this.name = options.name
    this.#options = options
  }

  /** URLs of the service; empty until it has started. */
  get endpoints(): Endpoints {
    return this.#endpoints ?? { url: '', managementUrl: '' }
  }

  /** Whether it is running and was ready. */
  get ready(): boolean {
    return this.#ready
  }

  get #stopping(): boolean {
    return this.#stopped.signal.aborted
  }

  start(): Promise<void> {
    return this.#launch()
  }

  async #launch(ports?: PortPair): Promise<void> {
    this.#ready = false
    const child = new Child(this.#options.child(ports))
    this.#child = child
    this.#endpoints = await child.endpoints()
    void this.#watch(child)
    await this.#waitUntilReady(this.#endpoints.managementUrl, child.logFile)
    this.#ready = true
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#child?.stop()
  }

  /** Kills a process that is ready, with SIGKILL. It is started again after this time, if {@link ServicePartOptions.restarts}. */
  kill(awayMs: number): void {
    if (!this.#ready) return
    this.#awayMs = awayMs
    this.#child?.kill()
  }

  async #watch(child: Child): Promise<void> {
    const how = await child.ended
    const { restarts, context, onEnd } = this.#options
    const wasReady = this.#ready
    this.#ready = false
    if (this.#stopping) return
    if (!wasReady || restarts !== true) return onEnd(how, child.logFile)
    const awayMs = this.#awayMs
    this.#awayMs = 0
    context.say(`${how}: starting it again${awayMs === 0 ? '' : ` in ${awayMs / 1_000} s`}.`)
    await context.clock.sleep(awayMs, this.#stopped.signal)
    if (this.#stopping) return
    try {
      await this.#launch(portsOf(this.endpoints))
    } catch (error) {
      if (!this.#stopping)
        onEnd(`${this.name} could not be started again: ${messageOf(error)}`, child.logFile)
    }
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
    return messageOf(error)
  }
}

function portsOf({ url, managementUrl }: Endpoints): PortPair {
  return { port: Number(new URL(url).port), managementPort: Number(new URL(managementUrl).port) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
