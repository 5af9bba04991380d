import type { Clock } from '@freshet/kit'
import type { FollowedServer } from '@freshet/change-stream-mongodb'
import { serverOf, Timestamp, type ReadCommand, type ReadConnection, type RunOptions } from '@freshet/guard'
import { revocationId, type Membership } from '@freshet/messages'
import { messageCollections } from '@freshet/mongodb-rules'
import { highOf, lowOf, type Bytes, type SourcePosition } from '@freshet/protocol'
import type { UserReads, UserState } from '../../contract.ts'
import { membershipIn, revocationIn } from './decode.ts'

/** Users of one read. */
const MAX_USERS = 100
/** Reads at a time, however many users wait. */
const MAX_RUNNING = 8
/** One read runs at a time while fewer users wait, and one more for each of these, so that users gather and share reads. */
const USERS_PER_READ = 50
/** After a read of several users, the next one waits this long for more: many connect at once, and each read costs much. */
const GATHER_MS = 15
/** Users that may wait, some three seconds of handshakes. Beyond that they are refused and come back later. */
const MAX_WAITING = 10_000
/** Memberships of the users of one read. */
const MAX_DOCUMENTS = 200_000
const DOCUMENTS_PER_REPLY = 5_000
/** The server's time limit for a command. */
const COMMAND_MS = 3_000
/** How much later its reply may be. */
const REPLY_EXTRA_MS = 1_000

export interface MongoUserReadsParts {
  readonly connection: ReadConnection
  readonly clock: Clock
  /** The server that holds the feed: a position says nothing about the history of another. */
  readonly followed: Pick<FollowedServer, 'expect'>
}

interface Waiting {
  readonly user: string
  readonly at: SourcePosition
  readonly signal: AbortSignal
  readonly resolve: (state: UserState) => void
  readonly reject: (error: unknown) => void
}

/** The users of one read have too many memberships; one of them may have most. */
class TooManyMemberships extends Error {
  override readonly name = 'TooManyMemberships'
}

const unending = new AbortController().signal

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** Snapshot reads of memberships and revocations. Users who wait for the same position share a read. */
export class MongoUserReads implements UserReads {
  readonly #parts: MongoUserReadsParts
  #waiting: Waiting[] = []
  #running = 0
  #scheduled = false
  /** Several users shared the last read. */
  #many = false

  constructor(parts: MongoUserReadsParts) {
    this.#parts = parts
  }

  load(user: string, at: SourcePosition, signal: AbortSignal): Promise<UserState> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING)
        return reject(new Error(`expected fewer users who connect at once; ${MAX_WAITING} wait`))
      this.#waiting.push({ user, at, signal, resolve, reject })
      this.#schedule()
    })
  }

  /** Clients whose frames arrived together are read together. */
  #schedule(): void {
    if (this.#scheduled || !this.#mayRun()) return
    this.#scheduled = true
    void this.#gather()
  }

  async #gather(): Promise<void> {
    if (this.#many) await this.#parts.clock.sleep(GATHER_MS, unending)
    else await new Promise(setImmediate)
    this.#scheduled = false
    while (this.#mayRun()) void this.#run(this.#take())
  }

  #mayRun(): boolean {
    const { length } = this.#waiting
    const most = Math.min(MAX_RUNNING, 1 + Math.floor(length / USERS_PER_READ))
    return length > 0 && this.#running < most
  }

  /** The first of those who wait, with others at the same position. */
  #take(): readonly Waiting[] {
    for (const { signal, reject } of this.#waiting) if (signal.aborted) reject(signal.reason)
    const waiting = this.#waiting.filter(({ signal }) => !signal.aborted)
    const at = waiting[0]?.at.at
    const taken = waiting.filter((one) => one.at.at === at).slice(0, MAX_USERS)
    const set = new Set(taken)
    this.#waiting = waiting.filter((one) => !set.has(one))
    return taken
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    this.#running += 1
    this.#many = taken.length > 1
    await this.#settle(taken)
    this.#running -= 1
    this.#schedule()
  }

  /** Resolves or rejects all of them. Never rejects itself. */
  async #settle(taken: readonly Waiting[]): Promise<void> {
    const [first] = taken
    if (first === undefined) return
    const users = [...new Set(taken.map(({ user }) => user))]
    try {
      const states = await this.#read(users, first.at)
      for (const { user, resolve } of taken) resolve(states(user))
    } catch (error) {
      // The others must not fail with the one who has that many.
      if (error instanceof TooManyMemberships && users.length > 1)
        return await this.#settleHalves(taken, users)
      for (const { reject } of taken) reject(error)
    }
  }

  async #settleHalves(taken: readonly Waiting[], users: readonly string[]): Promise<void> {
    const half = new Set(users.slice(0, users.length >> 1))
    await this.#settle(taken.filter(({ user }) => half.has(user)))
    await this.#settle(taken.filter(({ user }) => !half.has(user)))
  }

  async #read(users: readonly string[], { at }: SourcePosition): Promise<(user: string) => UserState> {
    const readConcern = {
      level: 'snapshot',
      atClusterTime: new Timestamp({ t: highOf(at), i: lowOf(at) }),
    }
    const [ofMembers, ofRevoked] = await Promise.all([
      this.#find({ find: messageCollections.memberships, filter: { user: { $in: users } }, readConcern }),
      this.#find({
        find: messageCollections.revocations,
        filter: { _id: { $in: users.map(revocationId) } },
        readConcern,
      }),
    ])
    const groups = new Map<string, Membership[]>(users.map((user) => [user, []]))
    for (const document of ofMembers) {
      const membership = membershipIn(document)
      if (membership) groups.get(membership.user)?.push(membership)
    }
    const notBefore = new Map<string, number>()
    for (const document of ofRevoked) {
      const revocation = revocationIn(document)
      if (revocation)
        notBefore.set(revocation.sub, Math.max(revocation.notBefore, notBefore.get(revocation.sub) ?? 0))
    }
    return (user) => ({ memberships: groups.get(user) ?? [], notBefore: notBefore.get(user) ?? 0 })
  }

  /** All documents of a `find`. */
  async #find(command: ReadCommand & { readonly find: string }): Promise<readonly Bytes[]> {
    const { connection } = this.#parts
    const session = connection.openSession()
    const how: RunOptions = { session, raw: 'batches', timeoutMs: COMMAND_MS + REPLY_EXTRA_MS }
    try {
      const first = await this.#ask(
        { ...command, batchSize: DOCUMENTS_PER_REPLY, maxTimeMS: COMMAND_MS },
        how,
      )
      const found: Bytes[] = [...first['cursor'].firstBatch]
      for (let { id } = first['cursor']; !id.isZero();) {
        if (found.length > MAX_DOCUMENTS)
          throw new TooManyMemberships(`expected at most ${MAX_DOCUMENTS} memberships in one read`)
        const more = await this.#ask(
          { getMore: id, collection: command.find, batchSize: DOCUMENTS_PER_REPLY },
          how,
        )
        found.push(...more['cursor'].nextBatch)
        id = more['cursor'].id
      }
      return found
    } finally {
      await connection.endSession(session)
    }
  }

  async #ask(command: ReadCommand, how: RunOptions): Promise<Reply> {
    const reply = await this.#parts.connection.run(command, how)
    this.#parts.followed.expect(serverOf(reply))
    return reply
  }
}
