import { cpus, totalmem } from 'node:os'

/** The median. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The quantile: this share of all values is not above it. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Prints the machine and versions behind the figures. */
export function printMachine(): void {
  const [cpu] = cpus()
  const gib = (totalmem() / 2 ** 30).toFixed(0)
  console.log(`Node.js ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}, ${gib} GiB`)
}

/** `0.93 to 1.04`. */
export function rangeOf(values: readonly number[], digits = 3): string {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`
}

/** The current time in nanoseconds, from a clock that all processes of a machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint())
}
