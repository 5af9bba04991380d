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

/** A user who is connected or connecting, with the state from the database and the feed. */
export class UserEntry implements Viewer {
  readonly user: string
  readonly members = new Set<Member>()
  readonly groups = new Map<string, readonly Interval[]>()
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
}
