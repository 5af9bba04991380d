import { testHttp } from './http/all.ts'
import { openHttpPostgres } from './support/http-postgres.ts'

await testHttp(await openHttpPostgres())
