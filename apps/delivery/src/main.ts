import { startWithHeap } from '@freshet/service/start'
import { deliveryHeap } from './heap.ts'

// Imported later: most starts only set the heap and start again.
await startWithHeap(deliveryHeap, process, async () => {
  const [{ packageVersion, runService }, { openBackend }, { deliveryService }] = await Promise.all([
    import('@freshet/service'),
    import('./backend/backend.ts'),
    import('./delivery-service.ts'),
  ])
  await runService(deliveryService({ version: packageVersion(import.meta.url), open: openBackend }), process)
})
