export {
  documentEncoder,
  representationOf,
  type CachedDocument,
  type Representation,
} from './read-document.ts'
export { readerOptions } from './options.ts'
export { readerApp } from './reader-app.ts'
export type { GuardReport } from '@freshet/service'
export type { ReaderAppParts } from './reader-app.ts'
export type { ReadAccess } from './reader-handler.ts'
export { openReader, systemReader } from './open-reader.ts'
export type { OpenReader } from './open-reader.ts'
export { readerHandler } from './reader-handler.ts'
export type { Reader, ReaderHandlerOptions } from './reader-handler.ts'
