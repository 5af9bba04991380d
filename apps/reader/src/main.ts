import { runService } from '@freshet/service'
import { systemReader } from './open-reader.ts'

await runService(systemReader(), process)
