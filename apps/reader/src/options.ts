import { defineOptions, flag, ms, REQUIRED, text, type ConfigOf } from '@freshet/kit'
import { backendOptions } from './backend/backend.ts'
import { cacheSize } from './heap.ts'

/** Options of a reader, in addition to those of every service. */
export const readerOptions = defineOptions({
  ...backendOptions,
  database: text('database', REQUIRED, 'The database whose collections are served.'),
  collections: text('collections', 'collections', 'The directory of the collection files.'),
  messages: flag('messages', 'Answers reads of messages too, which `freshet migrate --messages` prepares.'),
  cacheBytes: cacheSize,
  fillWaitMs: ms(
    'fill-within',
    5_000,
    'The time limit for fetching a document that is not cached; then 503.',
  ),
  unreadyAfterMs: ms(
    'unready-after',
    undefined,
    'Not ready when not proved current for this long; by default answers only state their age.',
  ),
})

/** The parsed `readerOptions`. */
export type ReaderConfig = ConfigOf<typeof readerOptions>
