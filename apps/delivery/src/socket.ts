import type { CloseCode } from './protocol/codes.ts'

/** One client's connection as the core sees it; transports implement it. */
export interface Socket {
  /** Sends one text frame with this many bytes of UTF-8. Does nothing after `close`. */
  send(frame: string, bytes: number): void
  /** Bytes sent and not yet handed to the kernel. */
  readonly bufferedBytes: number
  /** Closes the connection after what was sent, with a code and its reason. Idempotent. */
  close(code: CloseCode): void
  /** Ends the connection at once; what waits for the client is dropped. */
  cut(): void
}
