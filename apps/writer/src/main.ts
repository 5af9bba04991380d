import { startWithHeap } from '@freshet/service/start'
import { writerHeap } from './heap.ts'

// Imported later: most starts only set the heap and start again.
await startWithHeap(writerHeap, process, async () => {
  const [{ packageVersion, runService }, { openBackend }, { writerService }] = await Promise.all([
    import('@freshet/service'),
    import('./store/backend.ts'),
    import('./writer-service.ts'),
  ])
  await runService(writerService({ version: packageVersion(import.meta.url), open: openBackend }), process)
})
