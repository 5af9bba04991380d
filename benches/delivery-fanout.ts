/**
 * How many messages does a delivery hand to connected clients per second of CPU time? Messages to a group of 1,000 users go
 * from a real MongoDB through the change stream and the server process to 1,000 web-sockets: one at a time, so that each
 * delivery is a frame of its own, and in bursts. Beside it a server written by hand with `watch` and npm `ws`, and, where Go
 * is installed, the engine of Centrifugo. `npm run --prefix benches delivery-fanout`
 */
import { kinds, openDatabase, startAll, type Contestant } from './delivery/contestants.ts'
import { userName } from './delivery/world.ts'
import { median, printMachine, rangeOf } from './shared/figures.ts'

const users = 1_000
const rounds = 5
const loads = [
  { name: 'one at a time', bursts: 20, messages: 1, bar: 60 },
  { name: 'bursts of 100', bursts: 2, messages: 100, bar: 400 },
]

interface Result {
  /** Deliveries per second of CPU time, in thousands. */
  readonly rates: number[]
  readonly perFrame: number[]
}

async function measure(
  contestant: Contestant,
  { bursts, messages }: (typeof loads)[number],
  result: Result,
): Promise<void> {
  const before = await contestant.cpuSeconds()
  let delivered = 0
  let frames = 0
  for (let burst = 0; burst < bursts; burst++) {
    const numbers = Array.from({ length: messages }, (_, n) => n)
    const [received] = await Promise.all([
      contestant.received(users * messages),
      contestant.messages.send(userName(0), { group: 'everyone' }, numbers),
    ])
    delivered += received.messages
    frames += received.frames
  }
  if (delivered !== users * messages * bursts) throw new Error(`${contestant.name} delivered ${delivered}`)
  result.rates.push(delivered / ((await contestant.cpuSeconds()) - before) / 1_000)
  result.perFrame.push(delivered / frames)
}

await using database = await openDatabase()
await using started = await startAll(database, [kinds.delivery, kinds.plain, kinds.engine], users)
const contestants = started.all
printMachine()
console.log(`${users} clients each, ${rounds} rounds, interleaved`)
for (const load of loads) {
  const results = contestants.map((): Result => ({ rates: [], perFrame: [] }))
  for (let round = -1; round < rounds; round++)
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + round + contestants.length) % contestants.length
      const [contestant, result] = [contestants[index], results[index]]
      // The first round warms up.
      if (contestant && result)
        await measure(contestant, load, round < 0 ? { rates: [], perFrame: [] } : result)
    }
  console.log(`\n${load.name}: thousands of deliveries per second of CPU time (bar: ${load.bar})`)
  const ours = results[0]?.rates ?? []
  for (const [index, { name }] of contestants.entries()) {
    const { rates = [], perFrame = [] } = results[index] ?? {}
    const ratios = ours.map((rate, round) => rate / (rates[round] ?? Number.NaN))
    const against =
      index === 0 ? '' : `; delivery / ${name}: ${median(ratios).toFixed(2)} (${rangeOf(ratios, 2)})`
    const frames = `${median(perFrame).toFixed(1)} per frame`
    console.log(
      `  ${name.padEnd(15)} ${median(rates).toFixed(0).padStart(5)} (${rangeOf(rates, 0)}), ${frames}${against}`,
    )
  }
}
