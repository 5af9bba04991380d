import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { Turns } from '../src/store/mongodb/turns.ts'

/** A clock whose waits end when the test says so. */
class StoppedClock {
  readonly #ends = new Set<() => void>()

  sleep(_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#ends.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  endAll(): void {
    for (const end of this.#ends) end()
  }
}

test('M2 transactions of one conversation follow each other in order; others do not wait', async () => {
  const turns = new Turns(systemClock)
  const began: string[] = []
  const take = async (conversation: string, name: string): Promise<() => void> => {
    const end = await turns.take(conversation)
    began.push(name)
    return end
  }
  const first = await take('a', 'a1')
  const second = take('a', 'a2')
  const third = take('a', 'a3')
  const other = await take('b', 'b1')
  expect(began).toEqual(['a1', 'b1'])
  first()
  const endSecond = await second
  // Ending twice gives nobody a turn.
  first()
  expect(began).toEqual(['a1', 'b1', 'a2'])
  endSecond()
  ;(await third)()
  other()
  const again = await take('a', 'a4')
  again()
  expect(began).toEqual(['a1', 'b1', 'a2', 'a3', 'a4'])
})

test('M2 who waits too long for a turn is refused, and leaves the queue', async () => {
  const clock = new StoppedClock()
  const turns = new Turns(clock)
  const first = await turns.take('a')
  const late = turns.take('a')
  clock.endAll()
  await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
  const next = turns.take('a')
  first()
  ;(await next)()
})
