import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { currentCause } from './cause.ts'

/** Runs beside the program that started it; nothing it does can be attributed to a handler. */
export type UnseenStart = 'process' | 'thread'

/**
 * The diagnostics channels on which Node.js reports each, in the starter's async context:
 * https://nodejs.org/api/diagnostics_channel.html#built-in-channels. Synchronous calls such as `spawnSync` are not
 * reported.
 */
const channels: Readonly<Record<string, UnseenStart>> = {
  child_process: 'process',
  worker_threads: 'thread',
}

const hearing = Object.entries(channels).map(
  ([channel, what]) => [channel, (): void => currentCause()?.started(what)] as const,
)
let hearers = 0

/** Reports what handlers start, until it is disposed of. Does not prevent it. */
export function hearStarts(): Disposable {
  if (hearers === 0) for (const [channel, hear] of hearing) subscribe(channel, hear)
  hearers += 1
  let held = true
  return {
    [Symbol.dispose]: () => {
      if (!held) return
      held = false
      hearers -= 1
      if (hearers === 0) for (const [channel, hear] of hearing) unsubscribe(channel, hear)
    },
  }
}
