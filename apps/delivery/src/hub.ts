import { isMember, sees, type Interval, type Membership, type Revocation } from '@freshet/messages'
import type { UserState } from './contract.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { Publication } from './publication.ts'
import { UserEntry, type Member } from './user-entry.ts'

/**
 * Who is connected here and what they may see. Publishing looks up the recipients, so its cost depends on their number and
 * not on the number of connected users.
 */
export class Hub {
  readonly #users = new Map<string, UserEntry>()
  /** Users with a stored membership, by group. */
  readonly #groups = new Map<string, Set<UserEntry>>()
  /** Clients whose token names the group, by group. */
  readonly #byToken = new Map<string, Set<Member>>()

  #deliveries = 0

  /** Publications sent to clients since the start; those of replays are not counted. */
  get deliveries(): number {
    return this.#deliveries
  }

  /** Number of users who are connected or connecting. */
  get users(): number {
    return this.#users.size
  }

  /** Every connected client. */
  *members(): Iterable<Member> {
    for (const entry of this.#users.values()) yield* entry.members
  }

  /** Returns the user's entry, which the feed keeps up to date until it is released as often as it was acquired. */
  acquire(user: string): UserEntry {
    const entry = this.#users.get(user) ?? new UserEntry(user)
    this.#users.set(user, entry)
    entry.holders += 1
    return entry
  }

  release(entry: UserEntry): void {
    entry.holders -= 1
    if (entry.holders > 0 || entry.lapsed) return
    this.#users.delete(entry.user)
    for (const group of entry.groups.keys()) removeFrom(this.#groups, group, entry)
  }

  /** Adds the state that the database had when the entry was created. What the feed has reported since wins. */
  fill(entry: UserEntry, { memberships, notBefore }: UserState): void {
    entry.loaded = true
    entry.notBefore = Math.max(entry.notBefore, notBefore)
    for (const { group, intervals } of memberships)
      if (!entry.groups.has(group)) this.#set(entry, group, intervals)
  }

  join(entry: UserEntry, member: Member): void {
    entry.members = [...entry.members, member]
    for (const group of member.groups) addTo(this.#byToken, group, member)
  }

  leave(entry: UserEntry, member: Member): void {
    entry.members = entry.members.filter((one) => one !== member)
    for (const group of member.groups) removeFrom(this.#byToken, group, member)
  }

  /** Sends a publication to its audience. */
  publish(publication: Publication): void {
    const { audience } = publication
    if (audience.kind === 'users') {
      for (const user of audience.users) this.#pushAll(this.#users.get(user)?.members, publication)
      return
    }
    for (const entry of this.#groups.get(audience.group) ?? [])
      if (sees(entry.groups.get(audience.group) ?? [], audience.seq))
        this.#pushAll(entry.members, publication)
    // A client that is a member in both ways ignores the second one by its offset.
    this.#pushAll(this.#byToken.get(audience.group), publication)
  }

  applyMembership({ group, user, intervals }: Membership): void {
    const entry = this.#users.get(user)
    if (entry) this.#set(entry, group, intervals)
  }

  applyRevocation({ sub, notBefore }: Revocation): void {
    const entry = this.#users.get(sub)
    if (!entry) return
    entry.notBefore = Math.max(entry.notBefore, notBefore)
    for (const member of entry.members) if (member.issuedAt < entry.notBefore) member.end('revoked')
  }

  /** Closes every client and drops all entries. */
  clear(code: CloseCode): void {
    for (const entry of this.#users.values()) entry.lapsed = true
    const members = [...this.members()]
    this.#users.clear()
    this.#groups.clear()
    for (const member of members) member.end(code)
  }

  #pushAll(members: Iterable<Member> | undefined, publication: Publication): void {
    for (const member of members ?? []) if (member.push(publication)) this.#deliveries += 1
  }

  #set(entry: UserEntry, group: string, intervals: readonly Interval[]): void {
    entry.setGroup(group, intervals)
    if (isMember(intervals)) addTo(this.#groups, group, entry)
    else removeFrom(this.#groups, group, entry)
  }
}

function addTo<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key) ?? new Set()
  sets.set(key, set)
  set.add(value)
}

function removeFrom<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key)
  set?.delete(value)
  if (set?.size === 0) sets.delete(key)
}
