import { expect } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { JudgedReader } from './judged-reader.ts'
import type { JudgedTable } from './judged-table.ts'

export const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`)

/** Resolves when every reader has answered. */
export async function answering(readers: readonly JudgedReader[]): Promise<void> {
  await eventually(() => expect(readers.filter(({ answered }) => answered === 0)).toEqual([]))
  say('all readers answer')
}

/** Resolves when this many more transactions were committed. */
export async function load(table: JudgedTable, transactions: number): Promise<void> {
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
  table: JudgedTable,
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
    const wrong = answers.filter(({ mark, digest: shown }) => mark > 0 && history.get(mark) !== shown)
    say(
      `reader ${index + 1}: ${answered} answers, ${answers.length} states, ${wrong.length} wrong, ` +
        `${backwards} backwards, ${refused} refused, epochs ${await reader.epochs()}`,
    )
    expect({ wrong, backwards }).toEqual({ wrong: [], backwards: 0 })
    expect(answers.length).toBeGreaterThan(10)
  }
}
