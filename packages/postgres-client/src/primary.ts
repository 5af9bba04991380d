import { hostText, type PostgresHost } from '@freshet/postgres-rules'
import type { Client } from 'pg'
import type { Asked, Seen } from './ask-host.ts'
import { PrimaryError } from './errors.ts'

/** How long the other hosts are waited for once one is a primary: there may be another one on a newer timeline. */
const graceMs = 500

/**
 * Which of the hosts is the primary, for all connections of one address. What it has seen only moves forward: a primary on an
 * older timeline of the same cluster is refused from then on, and when another server is the primary, connections to the one
 * before are broken, so that no two of them lead to different servers.
 */
export class Primary {
  readonly #hosts: readonly PostgresHost[]
  readonly #ask: (host: PostgresHost) => Promise<Asked>
  /** The one that was the primary when it was last connected to. */
  #known: PostgresHost | undefined
  #searching: Promise<PostgresHost> | undefined
  /** The newest timeline of each cluster. */
  readonly #newest = new Map<string, number>()
  #server: string | undefined
  readonly #open = new Set<Client>()

  constructor(hosts: readonly PostgresHost[], ask: (host: PostgresHost) => Promise<Asked>) {
    this.#hosts = hosts
    this.#ask = ask
  }

  /** The host to connect to. @throws {PrimaryError} none is a primary. */
  find(): Promise<PostgresHost> {
    const [only, ...others] = this.#hosts
    const host = others.length === 0 ? only : this.#known
    if (host !== undefined) return Promise.resolve(host)
    this.#searching ??= this.#search().finally(() => (this.#searching = undefined))
    return this.#searching
  }

  /** A connection to this host failed: the next one searches. */
  failed(host: PostgresHost): void {
    if (this.#known === host) this.#known = undefined
  }

  /** A connection was opened. @throws {PrimaryError} it must not be used. */
  admit(client: Client, host: PostgresHost, seen: Seen): void {
    const reason = this.refusalOf(seen)
    if (reason !== undefined) throw new PrimaryError([`${hostText(host)}: ${reason}`])
    this.#note(seen)
    const server = `${seen.systemId}/${String(seen.timeline)}/${seen.started}`
    if (server !== this.#server) {
      for (const other of this.#open)
        other.connection.stream.destroy(new Error(`${hostText(host)} is the primary now`))
      this.#open.clear()
      this.#server = server
    }
    this.#known = host
    this.#open.add(client)
    client.once('end', () => this.#open.delete(client))
  }

  /** Asks all hosts at the same time. */
  async #search(): Promise<PostgresHost> {
    const answers = await this.#answers()
    const inOrder = this.#hosts.flatMap((host) => answers.find((one) => one.host === host) ?? [])
    const primaries = inOrder.flatMap((one) =>
      'seen' in one && this.refusalOf(one.seen) === undefined ? one : [],
    )
    const [first] = primaries
    if (first === undefined) throw this.#none(inOrder)
    let best = first
    for (const one of primaries) {
      this.#note(one.seen)
      const newer = (one.seen.timeline ?? 0) > (best.seen.timeline ?? 0)
      if (one.seen.systemId === first.seen.systemId && newer) best = one
    }
    return best.host
  }

  /** From all hosts, or from those that answer soon after the first primary. */
  #answers(): Promise<readonly Asked[]> {
    const answers: Asked[] = []
    return new Promise((resolve) => {
      let grace: NodeJS.Timeout | undefined
      const received = (answer: Asked): void => {
        answers.push(answer)
        if (answers.length === this.#hosts.length) {
          clearTimeout(grace)
          resolve(answers)
        } else if ('seen' in answer && this.refusalOf(answer.seen) === undefined)
          grace ??= setTimeout(() => resolve(answers), graceMs)
      }
      for (const host of this.#hosts) void this.#ask(host).then(received)
    })
  }

  #note({ systemId, timeline = 0 }: Seen): void {
    this.#newest.set(systemId, Math.max(timeline, this.#newest.get(systemId) ?? 0))
  }

  /** Why a server must not be used. */
  protected refusalOf({ systemId, timeline }: Seen): string | undefined {
    if (timeline === undefined) return 'a standby'
    const newest = this.#newest.get(systemId) ?? 0
    return timeline < newest
      ? `a primary on timeline ${timeline}, older than ${newest}, which was seen`
      : undefined
  }

  #none(answers: readonly Asked[]): PrimaryError {
    const lines = answers.map(
      (one) => `${hostText(one.host)}: ${'seen' in one ? this.refusalOf(one.seen) : one.reason}`,
    )
    const codes = new Set(answers.map((one) => ('seen' in one ? undefined : one.code)))
    // Hosts that did not answer say nothing about the others' reason.
    if (!answers.some((one) => 'seen' in one)) codes.delete(undefined)
    const [code, ...others] = codes
    return new PrimaryError(lines, others.length === 0 ? code : undefined)
  }
}
