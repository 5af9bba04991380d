import { EventEmitter } from 'node:events'
import type { HostProcess } from '../src/index.ts'

/** A process whose exit can be observed. */
export class FakeProcess extends EventEmitter implements HostProcess {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly exits: number[] = []
  out = ''
  err = ''
  readonly stdout = { write: (text: string) => (this.out += text) }
  readonly stderr = { write: (text: string) => (this.err += text) }

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    super()
    this.argv = ['node', 'main.js', ...argv]
    this.env = env
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  /** The parsed lines of the log. */
  get lines(): readonly Record<string, unknown>[] {
    return this.out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** The only line with this message. */
  line(message: string): Record<string, unknown> | undefined {
    return this.lines.find(({ msg }) => msg === message)
  }
}
