import type { Interval, Membership, Revocation, UserState } from './contract.ts'
import { isMember, sees } from './intervals.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { Publication } from './publication.ts'
import { UserEntry, type Member } from './user-entry.ts'

/**
 * Who is connected here and what they may see. A publication costs for those it is addressed to and for nobody else: users
 * are found by name, and the users of a group by the group.
 */
export class Hub {
  readonly #users = new Map<string, UserEntry>()
  /** Connected users by the groups they are stored members of. */
  readonly #groups = new Map<string, Set<UserEntry>>()
  /** Clients by the groups of their token. */
  readonly #byToken = new Map<string, Set<Member>>()

  #deliveries = 0

  /** Publications sent to clients since the start; those of replays are not counted. */
  get deliveries(): number {
    return this.#deliveries
  }

  /** Users who are connected or connecting. */
  get users(): number {
    return this.#users.size
  }

  /** Every connected client. */
  *members(): Iterable<Member> {
    for (const entry of this.#users.values()) yield* entry.members
  }

  /** From this call on the feed keeps the entry up to date, until as many `release` have followed. */
  hold(user: string): UserEntry {
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

  /** What the database knew when the entry was first held. What the feed has reported since is newer. */
  fill(entry: UserEntry, { memberships, notBefore }: UserState): void {
    entry.loaded = true
    entry.notBefore = Math.max(entry.notBefore, notBefore)
    for (const { group, intervals } of memberships)
      if (!entry.groups.has(group)) this.#set(entry, group, intervals)
  }

  join(entry: UserEntry, member: Member): void {
    entry.members.add(member)
    for (const group of member.groups) addTo(this.#byToken, group, member)
  }

  leave(entry: UserEntry, member: Member): void {
    entry.members.delete(member)
    for (const group of member.groups) removeFrom(this.#byToken, group, member)
  }

  /** Hands it to those it is addressed to. */
  publish(publication: Publication): void {
    const { audience } = publication
    if (audience.kind === 'users') {
      for (const user of audience.users) this.#pushAll(this.#users.get(user)?.members, publication)
      return
    }
    for (const entry of this.#groups.get(audience.group) ?? [])
      if (sees(entry.groups.get(audience.group) ?? [], audience.seq))
        this.#pushAll(entry.members, publication)
    // One who is a member in both ways has it already, and takes it once.
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

  /** Ends every client; what was known is void. */
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
    entry.groups.set(group, intervals)
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
