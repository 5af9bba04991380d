import { totalmem } from 'node:os'
import { constrainedMemory } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** One line of a metric with labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the value at scrape time, so the hot path only increments plain numbers. */
export type Reading = () => number | readonly Sample[]

const PREFIX = 'freshet_'

/** The default of 10 ms would wake an idle process a hundred times a second: half of what it takes. */
const LAG_RESOLUTION_MS = 100

/**
 * The Prometheus metrics of one process. Names are passed without the prefix `freshet_`, in base units (`_seconds`,
 * `_bytes`); counters end in `_total`.
 */
export class Metrics {
  readonly #registry = new Registry()

  /** Registers a counter. @throws {Error} the name is taken or malformed. */
  counter(name: string, help: string, labelNames: readonly string[], read: Reading): void {
    const metric: Counter = new Counter({
      ...this.#common(name, help, labelNames),
      collect: () => {
        metric.reset()
        for (const { labels, value } of samples(read)) metric.inc({ ...labels }, value)
      },
    })
  }

  /** Registers a gauge. @throws {Error} the name is taken or malformed. */
  gauge(name: string, help: string, labelNames: readonly string[], read: Reading): void {
    const metric: Gauge = new Gauge({
      ...this.#common(name, help, labelNames),
      collect: () => {
        metric.reset()
        const all = samples(read)
        // Otherwise, without labels, the value would be 0.
        if (all.length === 0) metric.remove()
        for (const { labels, value } of all) metric.set({ ...labels }, value)
      },
    })
  }

  /** Registers a histogram. The result records one value. @throws {Error} the name is taken or malformed. */
  histogram(name: string, help: string, buckets: readonly number[]): (value: number) => void {
    const metric = new Histogram({ ...this.#common(name, help, []), buckets: [...buckets] })
    return (value) => metric.observe(value)
  }

  /**
   * Adds the default Node.js metrics: CPU, memory, event loop. And the limits of the memory. Event loop lags include the
   * interval of the timer that measures them.
   */
  addProcess(): void {
    collectDefaultMetrics({
      register: this.#registry,
      prefix: PREFIX,
      eventLoopMonitoringPrecision: LAG_RESOLUTION_MS,
    })
    this.gauge(
      'heap_limit_bytes',
      'The most that the heap of V8 may take.',
      [],
      () => getHeapStatistics().heap_size_limit,
    )
    this.gauge(
      'memory_limit_bytes',
      'The most that the container may take; absent without a limit.',
      [],
      () => memoryLimitBytes() ?? [],
    )
  }

  /** The content type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** All metrics, as text. */
  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  #common(name: string, help: string, labelNames: readonly string[]) {
    return { name: PREFIX + name, help, labelNames: [...labelNames], registers: [this.#registry] }
  }
}

/** Without a limit, the system reports 0 or more than the machine has. */
function memoryLimitBytes(): number | undefined {
  const bytes = constrainedMemory()
  return bytes > 0 && bytes < totalmem() ? bytes : undefined
}

function samples(read: Reading): readonly Sample[] {
  const value = read()
  return typeof value === 'number' ? [{ labels: {}, value }] : value
}
