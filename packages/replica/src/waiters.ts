import type { Position } from '@freshet/protocol'

/** A caller waiting for a position. */
export interface Waiter {
  readonly position: Position
  readonly wake: () => void
  /** Cancelled waiters are removed when they reach the top. */
  cancelled: boolean
}

/** A min-heap of waiters by position, so that a batch touches only the waiters it wakes. */
export class Waiters {
  readonly #heap: Waiter[] = []
  #cancelled = 0

  /** The number of active waiters. */
  get size(): number {
    return this.#heap.length - this.#cancelled
  }

  /** `wake` runs in the turn that reaches `position`. O(log n). */
  add(position: Position, wake: () => void): Waiter {
    const waiter: Waiter = { position, wake, cancelled: false }
    this.#heap.push(waiter)
    this.#up(this.#heap.length - 1)
    return waiter
  }

  /** Idempotent; has no effect on a waiter that was woken. */
  cancel(waiter: Waiter): void {
    if (waiter.cancelled) return
    waiter.cancelled = true
    this.#cancelled += 1
    // Cancelled waiters for a distant position might otherwise never reach the top.
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#sweep()
  }

  /** Wakes all waiters for `position` or earlier, in order of position. */
  reached(position: Position): void {
    for (let top = this.#heap[0]; top !== undefined && top.position <= position; top = this.#heap[0]) {
      this.#pop()
      if (top.cancelled) this.#cancelled -= 1
      else {
        // Already removed from the heap, so a later cancel must have no effect.
        top.cancelled = true
        top.wake()
      }
    }
  }

  /** Wakes all waiters. */
  wakeAll(): void {
    const all = this.#heap.splice(0)
    this.#cancelled = 0
    for (const waiter of all) {
      if (waiter.cancelled) continue
      waiter.cancelled = true
      waiter.wake()
    }
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#down(0)
  }

  #sweep(): void {
    const kept = this.#heap.filter((waiter) => !waiter.cancelled)
    // A sorted list is a heap.
    kept.sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0))
    this.#heap.splice(0, this.#heap.length, ...kept)
    this.#cancelled = 0
  }

  #up(from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#swapIfEarlier(index, parent)) return
      index = parent
    }
  }

  #down(from: number): void {
    let index = from
    for (;;) {
      const left = index * 2 + 1
      const child = this.#isEarlier(left + 1, left) ? left + 1 : left
      if (!this.#swapIfEarlier(child, index)) return
      index = child
    }
  }

  #isEarlier(index: number, than: number): boolean {
    const a = this.#heap[index]
    const b = this.#heap[than]
    return a !== undefined && b !== undefined && a.position < b.position
  }

  #swapIfEarlier(index: number, than: number): boolean {
    const a = this.#heap[index]
    const b = this.#heap[than]
    if (a === undefined || b === undefined || a.position >= b.position) return false
    this.#heap[index] = b
    this.#heap[than] = a
    return true
  }
}
