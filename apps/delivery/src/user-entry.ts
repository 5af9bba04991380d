import type { Interval } from '@freshet/messages'
import type { Offset } from './offset.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { Publication } from './publication.ts'
import type { Viewer } from './ring.ts'

/** One connected client as the hub sees it. */
export interface Member {
  /** Groups by the token. */
  readonly groups: readonly string[]
  /** Seconds since 1970. */
  readonly issuedAt: number
  /** The last offset sent to the client. */
  readonly offset: Offset
  /** Sends a publication unless its offset was already sent. Returns whether it did. */
  push(publication: Publication): boolean
  end(code: CloseCode): void
}

const NO_GROUPS: ReadonlyMap<string, readonly Interval[]> = new Map()

/** A user who is connected or connecting, with the state from the database and the feed. */
export class UserEntry implements Viewer {
  readonly user: string
  /** Replaced as a whole, so it may change while it is iterated. A set would take 200 bytes more for each user. */
  members: readonly Member[] = []
  #groups: Map<string, readonly Interval[]> | undefined
  /** Tokens issued before this second are revoked. */
  notBefore = 0
  /** Reference count: sessions and pending connects. */
  holders = 0
  /** The state has been read from the database; until then only the feed has filled the entry. */
  loaded = false
  loading: Promise<boolean> | undefined
  /** The feed has restarted and does not update this entry any more. */
  lapsed = false

  constructor(user: string) {
    this.user = user
  }

  get groups(): ReadonlyMap<string, readonly Interval[]> {
    return this.#groups ?? NO_GROUPS
  }

  setGroup(group: string, intervals: readonly Interval[]): void {
    this.#groups ??= new Map()
    this.#groups.set(group, intervals)
  }
}
