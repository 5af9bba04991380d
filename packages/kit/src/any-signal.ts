/**
 * Runs `work` with a signal that aborts with the first of `signals`. Unlike `AbortSignal.any`, it leaves nothing in those that
 * outlive it: Node.js 20 keeps about 70 bytes for each (https://github.com/nodejs/node/issues/55351), and newer versions
 * in some cases (https://github.com/nodejs/node/issues/64476).
 */
export async function withAnySignal<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController()
  const follow = (event: Event): void => {
    if (event.target instanceof AbortSignal) either.abort(event.target.reason)
  }
  for (const signal of signals) {
    signal.addEventListener('abort', follow, { once: true })
    if (signal.aborted) either.abort(signal.reason)
  }
  try {
    return await work(either.signal)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', follow)
  }
}
