import { packageVersion, runService } from '@freshet/service'
import { openBackend } from './store/backend.ts'
import { writerService } from './writer-service.ts'

const definition = writerService({
  version: packageVersion(import.meta.url),
  open: openBackend,
})

await runService(definition, process)
