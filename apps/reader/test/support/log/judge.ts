import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import type { Server } from '@freshet/debezium'
import { eventually } from '@freshet/testkit'
import type { JudgedDatabase } from './judged-databases.ts'
import type { JudgedReader } from './judged-reader.ts'
import { digestOf } from './judged-table.ts'

/** What writes while Debezium is killed, and knows every state that the database had. */
export interface JudgedWrites {
  /** Committed transactions: the value of `mark`. */
  readonly committed: number
  /** Resolves when nothing more is written. */
  stop(): Promise<void>
  /** Of the present state, as `digestOf`. */
  digest(): Promise<string>
  /** The digests at each value of `mark`. */
  history(): Promise<ReadonlyMap<number, ReadonlySet<string>>>
}

const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`)

/** Resolves when every reader has answered. */
export async function answering(readers: readonly JudgedReader[]): Promise<void> {
  await eventually(() => expect(readers.filter(({ answered }) => answered === 0)).toEqual([]))
  say('all readers answer')
}

/** How often Debezium is killed. */
const KILLS = Number(process.env['FRESHET_TEST_KILLS'] ?? 6)

export interface Killed {
  readonly debezium: Server
  readonly log: Server
  readonly reader: JudgedReader
  /** What happens under load just before each kill. */
  readonly before?: (kill: number) => Promise<void>
}

/** Kills Debezium again and again under load; also the server of the log at the third time, and a reader at the fourth. */
export async function killUnderLoad(
  table: JudgedWrites,
  { debezium, log, reader, before }: Killed,
): Promise<void> {
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await load(table, 60)
    await before?.(kill)
    await debezium.stop('SIGKILL')
    say(`Debezium is killed for the ${kill}. time after ${table.committed} transactions`)
    if (kill === 3) {
      await log.stop('SIGKILL')
      await log.start()
      say('the server of the log was killed')
    }
    if (kill === 4) {
      await reader.kill()
      reader.start()
      say('a reader was killed')
    }
    await debezium.start()
    // Somewhere in what it has to catch up.
    await pause(100 * kill)
  }
  await load(table, 60)
}

/** Resolves when this many more transactions were committed. */
async function load(table: JudgedWrites, transactions: number): Promise<void> {
  const from = table.committed
  await eventually(() => expect(table.committed).toBeGreaterThan(from + transactions), {
    withinMs: 300_000,
  })
}

/**
 * Stops the writers, waits until every reader shows the last state, and expects each answer to be a state that the database
 * itself has recorded, and none to go back. @param logs what to print if a reader does not get there.
 */
export async function judge(
  table: JudgedWrites,
  readers: readonly JudgedReader[],
  logs: () => string,
): Promise<void> {
  await table.stop()
  const digest = await table.digest()
  const history = await table.history()
  say(`${table.committed} transactions`)
  for (const reader of readers)
    await reader.reaches(table.committed, digest).catch((error: unknown) => {
      say(`${String(error)}\n${logs()}`)
      throw error
    })
  for (const [index, reader] of readers.entries()) {
    const { answered, answers, backwards, refused } = reader
    const wrong = answers.filter(({ mark, digest: shown }) => mark > 0 && !history.get(mark)?.has(shown))
    say(
      `reader ${index + 1}: ${answered} answers, ${answers.length} states, ${wrong.length} wrong, ` +
        `${backwards} backwards, ${refused} refused, epochs ${await reader.epochs()}`,
    )
    expect({ wrong, backwards }).toEqual({ wrong: [], backwards: 0 })
    expect(answers.length).toBeGreaterThan(10)
  }
}

/** Empties the table outside of the writers' transactions: MySQL and MariaDB commit that at once. */
export async function judgeTruncate(
  table: JudgedWrites,
  db: JudgedDatabase,
  readers: readonly JudgedReader[],
): Promise<void> {
  await using client = await db.connect()
  await client.run('truncate products')
  await client.run(db.put, ['mark', table.committed + 1, 'y'])
  for (const reader of readers) await reader.reaches(table.committed + 1, digestOf([]))
  say('all readers show the truncated table')
}
