/**
 * How many changes per second can one core apply? Feeds a reader's replica with batches of 1,000 replaced documents of 300
 * bytes, in half of the rounds as decoded changes, in half as raw MongoDB events. The baseline is the minimum that a
 * hand-written `watch` does. Measures CPU time of the process, including garbage collection. `npm run --prefix benches apply`
 */
import { randomUUID } from 'node:crypto'
import { StoredEvent } from './apply/events.ts'
import { FedReplica, PlainMap } from './apply/levels.ts'
import { firstVersion } from './shared/documents.ts'
import { median, printMachine, quantile } from './shared/figures.ts'

const batch = 1_000
const heldKeys = 20_000
/** More than the window of recent documents can hold, so that each one evicts an older one. */
const otherKeys = 60_000
const rounds = 9
const warmUps = 3

interface Contestant {
  readonly name: string
  readonly wantedPerSecond: number | undefined
  readonly events: readonly StoredEvent[]
  readonly apply: (events: readonly StoredEvent[], increment: number) => void
  readonly applied: () => number
  /** The current JSON or object under the key of an event. */
  readonly shown: (event: StoredEvent) => string | undefined
  readonly perSecond: number[]
}

let increment = 1
let version = firstVersion

const events = (count: number): StoredEvent[] =>
  Array.from({ length: count }, () => new StoredEvent(randomUUID(), 2))

/** Applies all events once. @returns changes per second of CPU time. */
function measure({ name, events, apply, applied, shown }: Contestant): number {
  version++
  const first = increment + 1
  for (const event of events) event.stamp(++increment, version)
  const before = applied()
  const began = process.cpuUsage()
  for (let at = 0; at < events.length; at += batch)
    apply(events.slice(at, at + batch), first + Math.min(at + batch, events.length) - 1)
  const { user, system } = process.cpuUsage(began)
  const last = events.at(-1)
  if (applied() - before !== events.length || !last || !shown(last)?.includes(`"version":${version},`))
    throw new Error(`${name}: not everything was applied`)
  return (events.length / (user + system)) * 1_000_000
}

const held = events(heldKeys)
const others = events(otherKeys)
const replica = new FedReplica()
await replica.begin(held)
const map = new PlainMap()

const ready = replica.applyReady.bind(replica)
const raw = replica.applyRaw.bind(replica)
const applied = (): number => replica.applied
const shown = ({ key }: StoredEvent): string | undefined => replica.textOf(key)
const contestants: readonly Contestant[] = [
  { name: 'decoded, not cached', wantedPerSecond: undefined, events: others, apply: ready },
  { name: 'ready, held', wantedPerSecond: undefined, events: held, apply: ready },
  { name: 'raw, not cached', wantedPerSecond: 300_000, events: others, apply: raw },
  { name: 'raw, held', wantedPerSecond: 40_000, events: held, apply: raw },
].map((contestant) => ({ ...contestant, applied, shown, perSecond: [] }))
const plain: Contestant = {
  name: 'objects into a Map',
  wantedPerSecond: undefined,
  events: held,
  apply: (events) => map.apply(events),
  applied: () => map.applied,
  shown: ({ change }) => ('id' in change ? JSON.stringify(map.documents.get(change.id)) : undefined),
  perSecond: [],
}
const all = [...contestants, plain]

for (let round = 0; round < warmUps; round++) for (const contestant of all) measure(contestant)
for (let round = 0; round < rounds; round++)
  for (let turn = 0; turn < all.length; turn++) {
    const contestant = all[(turn + round) % all.length]
    contestant?.perSecond.push(measure(contestant))
  }

printMachine()
console.log(`${heldKeys} keys cached, ${otherKeys} not; batches of ${batch}; ${rounds} rounds, interleaved`)
const base = median(plain.perSecond)
for (const { name, wantedPerSecond, perSecond } of all) {
  const [low, middle, high] = [0, 0.5, 1].map((share) => quantile(perSecond, share))
  const figures = [low, middle, high].map((value) => `${Math.round((value ?? Number.NaN) / 1_000)}k`)
  const wanted = wantedPerSecond === undefined ? '' : `, target ${wantedPerSecond / 1_000}k`
  const times = ((middle ?? Number.NaN) / base).toFixed(2)
  console.log(
    `  ${name.padEnd(19)} ${figures[1]} changes per CPU second (${figures[0]} to ${figures[2]}${wanted}), ` +
      `${times} x the plain Map`,
  )
}
