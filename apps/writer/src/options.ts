import { count, defineOptions, ms, REQUIRED, text, url, type ConfigOf } from '@freshet/kit'
import { MAX_HOPS } from '@freshet/protocol'
import { backendOptions } from './store/backend.ts'

/** Options of a writer, in addition to those of every service. */
export const writerOptions = defineOptions({
  ...backendOptions,
  database: text('database', REQUIRED, 'The database whose collections are written.'),
  collections: text('collections', 'collections', 'The folder of the collection files.'),
  maxWrites: count('max-writes', 100, 'The most writes that are under way at once; further ones are 503.', {
    min: 1,
    max: 10_000,
  }),
  maxHops: count(
    'max-hops',
    1,
    "How many handlers of changes may lie between a write and one that is nobody's; beyond that it is a loop: 508.",
    { min: 0, max: MAX_HOPS },
  ),
  acknowledgeWithinMs: ms(
    'acknowledge-within',
    5_000,
    'The time in which a majority must have a write in its journal; then its outcome is unknown: 504.',
  ),
  readerUrl: url('reader-url', undefined, 'Where documents are read; the answer to a GET points there.'),
  unreadyAfterMs: ms('unready-after', 5_000, 'Not ready when the database was not heard of for so long.'),
})

/** The parsed `writerOptions`. */
export type WriterConfig = ConfigOf<typeof writerOptions>
