import type { MongoClient } from 'mongodb'
import type { Attack, ByRole } from '../attacks/attack.ts'
import type { AttackBench, Outcome } from '../bench.ts'

/** Tries one attack after the other, with a client of `user`. */
export async function* tried(
  attacks: readonly Attack[],
  bench: AttackBench,
  client: MongoClient,
  user: string,
): AsyncGenerator<{ readonly attack: Attack; readonly outcome: Outcome }> {
  for (const attack of attacks) yield { attack, outcome: await bench.writesSeen(client, attack.run, user) }
}

/** The attacks that the veto can see. */
export const throughClient = (attacks: readonly Attack[]): readonly Attack[] =>
  attacks.filter(({ besideVeto }) => besideVeto === undefined)

/** G3: why the veto let it pass: the commands on the wire other than reads. */
export function passedVeto({ writes }: Outcome): string | undefined {
  return writes.length > 0 ? writes.join() : undefined
}

/** G4: why the role let it pass: the server's reply differs from its reply to a reader. */
export function passedRole({ byRole }: Attack, outcome: Outcome): string | undefined {
  const answer = answerOf(outcome)
  return answer === byRole ? undefined : `${answer}, ${String(outcome.error)}`
}

const UNAUTHORIZED = 13

function answerOf({ error, writes }: Outcome): ByRole {
  if (error === undefined) return writes.includes('POST') ? 'not asked' : 'no error'
  return error instanceof Error && Reflect.get(error, 'code') === UNAUTHORIZED ? 'denied' : 'invalid'
}
