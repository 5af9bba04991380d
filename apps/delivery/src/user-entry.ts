import type { Interval } from './contract.ts'
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
  /** What the client has got. */
  readonly offset: Offset
  /** Sends it, if it is after what was sent; returns whether it did. */
  push(publication: Publication): boolean
  end(code: CloseCode): void
}

/** A user who is connected here, or is connecting, with what the database and the feed said of them. */
export class UserEntry implements Viewer {
  readonly user: string
  readonly members = new Set<Member>()
  readonly groups = new Map<string, readonly Interval[]>()
  /** Tokens issued before this second are revoked. */
  notBefore = 0
  /** Connections and attempts that need this entry. */
  holders = 0
  /** It has all memberships; until then those that the feed reported. */
  loaded = false
  loading: Promise<boolean> | undefined
  /** The feed began anew: nothing keeps this entry up to date any more. */
  lapsed = false

  constructor(user: string) {
    this.user = user
  }
}
