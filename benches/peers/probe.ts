/** Loaded into every contestant before its program: measures its event loop without changing the program. */
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** A question to the probe of a contestant. */
export type ProbeQuestion = 'watch the loop' | 'longest turn' | 'exit'

let delays: ReturnType<typeof monitorEventLoopDelay> | undefined

process.on('disconnect', () => process.exit())
process.on('message', (question: ProbeQuestion) => {
  // With `--cpu-prof`, Node.js writes the profile when it exits by itself.
  if (question === 'exit') process.exit()
  if (question === 'watch the loop') {
    delays?.disable()
    delays = monitorEventLoopDelay({ resolution: 1 })
    delays.enable()
  }
  // The timer itself takes a millisecond.
  process.send?.(Math.max(0, (delays?.max ?? 0) / 1e6 - 1))
})
