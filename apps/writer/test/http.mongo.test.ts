import { testHttp } from './http/all.ts'
import { openHttpMongodb } from './support/http-mongodb.ts'

await testHttp(await openHttpMongodb())
