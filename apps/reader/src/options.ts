import { bytes, defineOptions, ms, REQUIRED, text, type ConfigOf } from '@freshet/kit'
import { backendOptions } from './backend/backend.ts'

/** The options of a reader, beside those that every service has. */
export const readerOptions = defineOptions({
  ...backendOptions,
  database: text('database', REQUIRED, 'The database whose collections are served.'),
  collections: text('collections', 'collections', 'The folder of the collection files.'),
  cacheBytes: bytes('cache-size', 256 * 2 ** 20, 'The memory for cached documents.'),
  fillWaitMs: ms(
    'fill-within',
    5_000,
    'The time in which a document that is not cached must be fetched; then 503.',
  ),
  unreadyAfterMs: ms(
    'unready-after',
    undefined,
    'Not ready when not proved current for so long; without it answers only tell their age.',
  ),
})

/** What `readerOptions` are read into. */
export type ReaderConfig = ConfigOf<typeof readerOptions>
