import { sees, type Interval, type Recipients } from '@freshet/messages'
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import type { TestDatabase } from '@freshet/testkit'
import type { ChaosUser } from './user.ts'

interface StoredMessage {
  readonly _id: string
  readonly conv: string
  readonly seq: number
  readonly from: string
  readonly to: Recipients
}

interface StoredMembership {
  readonly group: string
  readonly user: string
  readonly intervals: readonly Interval[]
}

/** What is stored, and so what is addressed to whom. */
export class Addressed {
  readonly messages: readonly StoredMessage[]
  /** Ids of what was stored before. Users who connected later need not have it. */
  readonly #earlier: ReadonlySet<string>
  readonly #intervals: ReadonlyMap<string, readonly Interval[]>

  private constructor(
    messages: readonly StoredMessage[],
    memberships: readonly StoredMembership[],
    earlier: ReadonlySet<string>,
  ) {
    this.messages = messages
    this.#earlier = earlier
    this.#intervals = new Map(
      memberships.map(({ group, user, intervals }) => [`${group} ${user}`, intervals]),
    )
  }

  static async read({ admin, database }: TestDatabase, earlier?: Addressed): Promise<Addressed> {
    const db = admin.db(messagesDatabase(database))
    return new Addressed(
      await db.collection<StoredMessage>(messageCollections.messages).find().toArray(),
      await db.collection<StoredMembership>(messageCollections.memberships).find().toArray(),
      new Set(earlier?.messages.map(({ _id }) => _id)),
    )
  }

  /** Ids of what a user may see. */
  to(user: string): ReadonlySet<string> {
    return new Set(this.messages.filter((message) => this.#isFor(user, message)).map(({ _id }) => _id))
  }

  /** Ids of what a user must have. */
  missing({ name, ids }: Pick<ChaosUser, 'name' | 'ids'>): readonly string[] {
    return [...this.to(name)].filter((id) => !ids.has(id) && !this.#earlier.has(id))
  }

  #isFor(user: string, { from, to, seq }: StoredMessage): boolean {
    if ('group' in to) return sees(this.#intervals.get(`${to.group} ${user}`) ?? [], seq)
    return from === user || ('user' in to ? to.user === user : to.users.includes(user))
  }
}

/** How a user's messages differ from what they should be. */
export type Fault = 'missing' | 'foreign' | 'inversion' | 'ambiguous'

/** The faults of one user, with an example of each. */
export function faultsOf(user: ChaosUser, addressed: Addressed): ReadonlyMap<Fault, string> {
  const faults = new Map<Fault, string>()
  const expected = addressed.to(user.name)
  const got = user.ids
  for (const id of addressed.missing(user)) faults.set('missing', id)
  for (const id of got) if (!expected.has(id)) faults.set('foreign', id)
  const seen = new Set<string>()
  const last = new Map<string, number>()
  for (const { id, conv, seq } of user.live) {
    if (seen.has(id)) continue
    seen.add(id)
    if (seq <= (last.get(conv) ?? 0)) faults.set('inversion', `${conv}/${seq} ${id}`)
    last.set(conv, seq)
  }
  const places = new Map<string, string>()
  for (const { id, conv, seq } of [...user.live, ...user.loaded]) {
    const place = `${conv}/${seq}`
    if ((places.get(place) ?? id) !== id) faults.set('ambiguous', place)
    places.set(place, id)
  }
  return faults
}
