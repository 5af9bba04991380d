import { getHeapStatistics } from 'node:v8'
import { defaultReplicaOptions } from '@freshet/replica'
import { packageVersion, runService } from '@freshet/service'
import { openGround } from './open-ground.ts'
import { readerService } from './reader-service.ts'

const definition = readerService({
  version: packageVersion(import.meta.url),
  heapBytes: getHeapStatistics().heap_size_limit,
  aliveWithinMs: defaultReplicaOptions.aliveWithinMs,
  random: Math.random,
  open: openGround,
})

await runService(definition, process)
