import type { Command } from './protocol/command.ts'

/** `refused`: `connect` was answered with an error; the client is expected to reconnect. */
export type ConnectionState = 'waiting' | 'opening' | 'refused' | 'open' | 'closed'

/** What to do with a command. `queue`: until the pending connect is answered. `drop`: the client does not expect a reply any more. */
export type Action = 'connect' | 'queue' | 'answer' | 'ignore' | 'drop' | 'bad' | 'unavailable'

/** The whole state machine of a connection. */
export function actionFor(state: ConnectionState, method: Command['method']): Action {
  switch (state) {
    case 'waiting':
      return method === 'connect' ? 'connect' : 'bad'
    case 'opening':
      return method === 'pong' ? 'ignore' : 'queue'
    // Commands sent right behind the connect may still arrive. A close would reach the client before it has handled the
    // error, and could keep it from reconnecting.
    case 'refused':
      return method === 'connect' ? 'connect' : 'drop'
    case 'open':
      if (method === 'pong') return 'ignore'
      if (method === 'connect') return 'bad'
      return method === 'send' ? 'unavailable' : 'answer'
    case 'closed':
      return 'drop'
  }
}
