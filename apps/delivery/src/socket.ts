import type { CloseCode } from './protocol/codes.ts'

/** One client's connection as the core sees it; the doors make it. */
export interface Socket {
  /** Sends one text frame. Does nothing after `close`. */
  send(frame: string): void
  /** What was sent and not yet taken by the client's side. */
  readonly bufferedBytes: number
  /** Ends the connection behind what was sent, with a code and its reason. Idempotent. */
  close(code: CloseCode): void
}
