export { writerService } from './writer-service.ts'
export type { WriterServiceParts } from './writer-service.ts'
