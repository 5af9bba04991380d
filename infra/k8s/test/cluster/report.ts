import type { Counts } from './load.ts'

/** Thrown by a check that cannot run on this cluster. */
export class Skipped extends Error {
  override readonly name = 'Skipped'
}

/** Runs checks one after the other and prints a line for each. */
export class Report {
  readonly #only: RegExp
  readonly #say: (line: string) => void
  #passed = 0
  #failed = 0
  #skipped = 0

  constructor(only: RegExp, say: (line: string) => void) {
    this.#only = only
    this.#say = say
  }

  get failed(): number {
    return this.#failed
  }

  /** @param work resolves with what is printed, and throws if the check failed. */
  async check(name: string, work: () => Promise<string>): Promise<void> {
    if (!this.#only.test(name)) return
    const startedMs = performance.now()
    const seconds = (): string => `${Math.round((performance.now() - startedMs) / 1_000)} s`
    try {
      const found = await work()
      this.#passed += 1
      this.#say(`ok      ${name}: ${found} (${seconds()})`)
    } catch (error) {
      if (error instanceof Skipped) {
        this.#skipped += 1
        this.#say(`SKIPPED ${name}: ${error.message}`)
        return
      }
      this.#failed += 1
      const message = error instanceof Error ? error.message : String(error)
      this.#say(`FAILED  ${name}: ${message} (${seconds()})`)
    }
  }

  end(): void {
    this.#say(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`)
  }
}

/** The counts of a check in one line. */
export function told(counts: Counts): string {
  const { sent, lost, wrong, refused, streams } = counts
  const { delivered, missing, gaps, reconnects } = streams
  return (
    `${sent} sent, ${lost} lost, ${wrong} wrong, ${refused} refused; ` +
    `messages ${delivered} delivered, ${missing} missing, ${gaps} gaps, ${reconnects} reconnects`
  )
}

/** A busy machine may be too slow for a database read now and then, and says so. */
const refusedShare = 0.005

/** @throws if a request was lost or wrong, if more than a few were refused, or if a message is missing. */
export function expectNothingLost(counts: Counts, atLeast = 1_000): string {
  const { sent, lost, wrong, refused, streams, examples } = counts
  if (sent < atLeast || refused > refusedShare * sent || lost + wrong + streams.missing + streams.gaps > 0)
    throw new Error(`${told(counts)}; ${examples.join('; ')}`)
  return told(counts)
}
