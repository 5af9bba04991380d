import { packageVersion, runService } from '@freshet/service'
import { openGround } from './open-ground.ts'
import { writerService } from './writer-service.ts'

const definition = writerService({
  version: packageVersion(import.meta.url),
  open: openGround,
})

await runService(definition, process)
