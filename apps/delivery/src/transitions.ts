import type { Command } from './protocol/command.ts'

/** `refused`: `connect` was answered with an error, and the client will come back. */
export type ConnectionState = 'waiting' | 'opening' | 'refused' | 'open' | 'closed'

/** What a command does. `queue`: it is answered after the connect before it; `drop`: nobody waits for an answer. */
export type Action = 'connect' | 'queue' | 'answer' | 'heard' | 'drop' | 'bad' | 'unavailable'

/** The whole state machine of a connection. */
export function actionFor(state: ConnectionState, method: Command['method']): Action {
  switch (state) {
    case 'waiting':
      return method === 'connect' ? 'connect' : 'bad'
    case 'opening':
      return method === 'pong' ? 'heard' : 'queue'
    // Commands that were sent behind the connect are still on their way: an error or a close would reach the client
    // before it has handled the refusal, and keep it from coming back.
    case 'refused':
      return method === 'connect' ? 'connect' : 'drop'
    case 'open':
      if (method === 'pong') return 'heard'
      if (method === 'connect') return 'bad'
      return method === 'send' ? 'unavailable' : 'answer'
    case 'closed':
      return 'drop'
  }
}
