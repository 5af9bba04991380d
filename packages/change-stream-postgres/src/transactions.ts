import type { Position } from '@freshet/protocol'

/** What a statement sees: `pg_current_snapshot()`. Transaction ids have 64 bits. */
export class Snapshot {
  readonly #xmin: bigint
  readonly #xmax: bigint
  readonly #running: ReadonlySet<bigint>

  /** @param text `xmin:xmax:running,…` */
  constructor(text: string) {
    const [xmin, xmax, running = ''] = text.split(':')
    if (xmin === undefined || xmax === undefined)
      throw new TypeError(`expected a snapshot such as 10:20:10,14, got '${text}'`)
    this.#xmin = BigInt(xmin)
    this.#xmax = BigInt(xmax)
    this.#running = new Set(running === '' ? [] : running.split(',').map(BigInt))
  }

  /** The transactions that were running. */
  get running(): ReadonlySet<bigint> {
    return this.#running
  }

  /** Whether the transaction with these low 32 bits has ended for this statement. */
  sees(xid: number): boolean {
    const full = this.#widen(xid)
    return full < this.#xmin || (full < this.#xmax && !this.#running.has(full))
  }

  /** The transaction id with these low 32 bits that is nearest to the snapshot's. */
  #widen(xid: number): bigint {
    const near = (this.#xmax & ~0xffffffffn) | BigInt(xid)
    if (near > this.#xmax + 0x80000000n) return near - 0x100000000n
    return near < this.#xmax - 0x80000000n ? near + 0x100000000n : near
  }
}

interface Applied {
  readonly xid: number
  readonly at: Position
}

/**
 * The transactions that the feed has reported, and that no statement is known to have seen yet: PostgreSQL shows a commit in
 * the feed before it shows it to other sessions.
 */
export class AppliedTransactions {
  #unseen: Applied[] = []

  /** How many transactions are remembered. */
  get size(): number {
    return this.#unseen.length
  }

  /** Starts over with another feed. */
  clear(): void {
    this.#unseen = []
  }

  /** Call it before the consumer learns of the transactions. */
  add(applied: readonly Applied[]): void {
    for (const one of applied) this.#unseen.push(one)
  }

  /**
   * The transactions that a read which is sent now must see to be current at `position`. Those that are missing were seen by
   * an earlier statement. The list must be taken before the read is sent: meanwhile a later statement may see them.
   */
  unseenAt(position: Position): readonly Applied[] {
    return this.#unseen.filter(({ at }) => at <= position)
  }

  /** Forgets what a statement has seen, since all later ones see it too. */
  saw(snapshot: Snapshot): void {
    if (this.#unseen.length > 0) this.#unseen = this.#unseen.filter(({ xid }) => !snapshot.sees(xid))
  }
}
