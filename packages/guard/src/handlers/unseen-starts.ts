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

/** Channels with what is to hear them: the handler that starts something is told. It goes on all the same. */
export const hearingStarts = Object.entries(channels).map(
  ([channel, what]) => [channel, (): void => currentCause()?.started(what)] as const,
)
