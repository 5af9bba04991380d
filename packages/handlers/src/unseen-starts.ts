import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { currentCause } from './cause.ts'

/** What runs beside the program that started it: nothing that it does is known to descend from a handler. */
export type UnseenStart = 'process' | 'thread'

/**
 * Where Node.js tells of each, in the context of whoever starts it:
 * https://nodejs.org/api/diagnostics_channel.html#built-in-channels. It tells nothing of those that are waited for on the
 * spot, such as `spawnSync`.
 */
const channels: Readonly<Record<string, UnseenStart>> = {
  child_process: 'process',
  worker_threads: 'thread',
}

const hearing = Object.entries(channels).map(
  ([channel, what]) => [channel, (): void => currentCause()?.started(what)] as const,
)
let hearers = 0

/** Tells the handler that runs of what it starts, until this is disposed of. What is started goes on all the same. */
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
