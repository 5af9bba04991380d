import { packageVersion, runService } from '@freshet/service'
import { openBackend } from './backend/backend.ts'
import { deliveryService } from './delivery-service.ts'

await runService(deliveryService({ version: packageVersion(import.meta.url), open: openBackend }), process)
