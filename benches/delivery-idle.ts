/**
 * What does a connected user cost who receives nothing? Resident memory and CPU time per authenticated user at 5,000 users,
 * beside a server written by hand with npm `ws`, and the engine of Centrifugo. Then the same messages go to five users through
 * two deliveries: to one, nobody else is connected, and to the other, 4,995 others. `npm run --prefix benches delivery-idle`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Contestant, kinds, openDatabase } from './delivery/contestants.ts'
import { userName } from './delivery/world.ts'
import { median, printMachine, rangeOf } from './shared/figures.ts'

const users = 5_000
const few = 5
const rounds = 5
const messagesARound = 250

await using database = await openDatabase()

async function weigh(contestant: Contestant): Promise<void> {
  // Compiled code and pools are there before the first figure.
  await contestant.connect(users, users + 500)
  await contestant.disconnect()
  await sleep(500)
  const emptyKb = await contestant.residentKb()
  const before = await contestant.cpuSeconds()
  await contestant.connect(0, users)
  const cpu = (await contestant.cpuSeconds()) - before
  await sleep(500)
  const perUserKb = ((await contestant.residentKb()) - emptyKb) / users
  const perConnect = ((cpu / users) * 1e6).toFixed(0)
  console.log(
    `  ${contestant.name.padEnd(15)} ${perUserKb.toFixed(1)} KB per user, ${perConnect} us of CPU time per connect`,
  )
}

printMachine()
console.log(`\n${users} idle users (bar for delivery: 10 KB)`)
for (const kind of [kinds.plain, kinds.engine]) {
  await using contestant = await Contestant.start(kind, database)
  if (contestant) await weigh(contestant)
}
await using crowded = await Contestant.start(kinds.delivery, database)
await using quiet = await Contestant.start(kinds.delivery, database)
if (!crowded || !quiet) throw new Error('expected that delivery starts everywhere')
await crowded.messages.addMembers(
  'few',
  Array.from({ length: few }, (_, index) => userName(index)),
)
await weigh(crowded)
await quiet.connect(0, few)

/** CPU time of both while something runs, in seconds. */
async function during(run: () => Promise<unknown>): Promise<readonly [number, number]> {
  const before = [await crowded?.cpuSeconds(), await quiet?.cpuSeconds()]
  await run()
  const after = [await crowded?.cpuSeconds(), await quiet?.cpuSeconds()]
  return [(after[0] ?? 0) - (before[0] ?? 0), (after[1] ?? 0) - (before[1] ?? 0)]
}

async function exchange(contestants: readonly Contestant[], count: number): Promise<void> {
  for (let n = 0; n < count; n++)
    await Promise.all([
      ...contestants.map((contestant) => contestant.received(few)),
      contestants[0]?.messages.send(userName(0), { group: 'few' }, [n]),
    ])
}

await exchange([crowded, quiet], 100)
const perMessage = [[], []] as [number[], number[]]
const idle = [[], []] as [number[], number[]]
for (let round = 0; round < rounds; round++) {
  const startedAt = performance.now()
  const busy = await during(() => exchange([crowded, quiet], messagesARound))
  const tookMs = performance.now() - startedAt
  const pings = await during(() => sleep(tookMs))
  for (const side of [0, 1] as const) {
    idle[side].push(((pings[side] / tookMs) * 1e9) / users)
    perMessage[side].push(((busy[side] - pings[side]) / messagesARound) * 1e6)
  }
}
const ratios = perMessage[0].map((us, round) => us / (perMessage[1][round] ?? Number.NaN))
console.log(`\n${messagesARound} messages to ${few} users, ${rounds} rounds, both deliveries at once`)
console.log(
  `  ${users} connected: ${median(perMessage[0]).toFixed(0)} us of CPU time per message; ` +
    `${few} connected: ${median(perMessage[1]).toFixed(0)} us`,
)
console.log(`  ratio ${median(ratios).toFixed(2)} (${rangeOf(ratios, 2)}; bar: at most 1.20)`)
console.log(
  `  subtracted: pings and timers, ${median(idle[0]).toFixed(1)} us of CPU time per user and second`,
)
