import type { MonotonicMs } from '@freshet/kit'
import type { ReplicaState } from './contract.ts'

/** Events of a replica; they carry their time. */
export type ReplicaEvent =
  /** The source provided a history and a start position. */
  | { readonly type: 'begun' }
  /** The feed proved that the state was current at `provedAt`. */
  | { readonly type: 'proved'; readonly provedAt: MonotonicMs }
  /** The last proof, at `provedAt`, is too old, or the connection broke. */
  | { readonly type: 'silent'; readonly provedAt: MonotonicMs }
  /** The history can no longer be followed. */
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'stop' }

const loading: ReplicaState = { kind: 'loading' }
const live: ReplicaState = { kind: 'live' }
const stopped: ReplicaState = { kind: 'stopped' }

/** Pure. Returns the same object when the event changes nothing (R2). */
export function next(state: ReplicaState, event: ReplicaEvent): ReplicaState {
  if (state.kind === 'stopped') return state // R1: stopped is final
  switch (event.type) {
    case 'begun':
      return state.kind === 'loading' ? state : loading
    case 'proved':
      return state.kind === 'lost' || state.kind === 'live' ? state : live
    case 'silent':
      return state.kind === 'live' ? { kind: 'lagging', since: event.provedAt } : state
    case 'lost':
      return state.kind === 'lost' && state.reason === event.reason
        ? state
        : { kind: 'lost', reason: event.reason }
    case 'stop':
      return stopped
  }
}

/** Whether cached values may be served. A lagging answer names its position and is exact; a lost state proves nothing. */
export function serves(state: ReplicaState): boolean {
  return state.kind === 'live' || state.kind === 'lagging'
}
