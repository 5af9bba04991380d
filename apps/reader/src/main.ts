import { startWithHeap } from '@freshet/service/start'
import { readerHeap } from './heap.ts'

// Imported later: most starts only set the heap and start again.
await startWithHeap(readerHeap, process, async () => {
  const [{ runService }, { systemReader }] = await Promise.all([
    import('@freshet/service'),
    import('./open-reader.ts'),
  ])
  await runService(systemReader(), process)
})
