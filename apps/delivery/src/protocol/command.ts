/** A position in a stream of publications. */
export interface StreamPosition {
  readonly epoch: string
  readonly offset: number
}

/** The first command of a connection. */
export interface ConnectRequest {
  readonly token: string
  /** By channel: the position to recover from; `undefined`: no recovery requested. */
  readonly subs: ReadonlyMap<string, StreamPosition | undefined>
  /** `data.since`: the position of a page before it was reloaded. */
  readonly since: StreamPosition | undefined
}

/** Reads publications from the ring. */
export interface HistoryRequest {
  readonly channel: string
  /** 0: only the position; `undefined` and less than 0: as many as there may be. */
  readonly limit: number
  readonly since: StreamPosition | undefined
  readonly reverse: boolean
}

/** Methods that are always refused. */
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

/** A command that gets a reply. */
export type AnsweredCommand = Exclude<Command, { readonly method: 'pong' | 'send' }>
