import type { MonotonicMs } from '@freshet/kit'
import type { ReplicaState } from './contract.ts'

/** What may happen to a replica; time comes in with the event. */
export type ReplicaEvent =
  /** The source named a history and a position to follow from. */
  | { readonly type: 'begun' }
  /** The feed proved that the state was the newest at `provedAt`. */
  | { readonly type: 'proved'; readonly provedAt: MonotonicMs }
  /** There was no proof since `provedAt`, for longer than allowed, or the connection broke. */
  | { readonly type: 'silent'; readonly provedAt: MonotonicMs }
  /** The history cannot be followed any more. */
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

/** Whether held values may be given out: their position is named, so an old one is no lie; of a lost one we know nothing. */
export function serves(state: ReplicaState): boolean {
  return state.kind === 'live' || state.kind === 'lagging'
}
