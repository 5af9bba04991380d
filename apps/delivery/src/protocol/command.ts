/** A place in a stream of publications. */
export interface StreamPosition {
  readonly epoch: string
  readonly offset: number
}

/** The first command of a connection. */
export interface ConnectRequest {
  readonly token: string
  /** By channel: where the client was, `undefined` when it does not ask for recovery. */
  readonly subs: ReadonlyMap<string, StreamPosition | undefined>
  /** `data.since`: where a page was before it was reloaded. */
  readonly since: StreamPosition | undefined
}

/** Reads what is held in memory. */
export interface HistoryRequest {
  readonly channel: string
  /** 0: only the position; `undefined` and less than 0: as many as there may be. */
  readonly limit: number
  readonly since: StreamPosition | undefined
  readonly reverse: boolean
}

/** Methods that are refused here, each with the same answer whatever it says. */
export type RefusedMethod = 'publish' | 'rpc' | 'presence' | 'presence_stats' | 'sub_refresh'

/** One command, checked. `pong` and `send` are not answered. */
export type Command =
  | { readonly method: 'pong' }
  | { readonly method: 'send' }
  | { readonly method: 'connect'; readonly id: number; readonly request: ConnectRequest }
  | { readonly method: 'refresh'; readonly id: number; readonly token: string }
  | { readonly method: 'subscribe' | 'unsubscribe'; readonly id: number; readonly channel: string }
  | { readonly method: 'history'; readonly id: number; readonly request: HistoryRequest }
  | { readonly method: RefusedMethod | 'unknown'; readonly id: number }

/** A command that has an answer. */
export type AnsweredCommand = Exclude<Command, { readonly method: 'pong' | 'send' }>
