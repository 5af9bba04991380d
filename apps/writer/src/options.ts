import { count, defineOptions, flag, ms, REQUIRED, text, url, type ConfigOf } from '@freshet/kit'
import { MAX_HOPS } from '@freshet/protocol'
import { backendOptions } from './store/backend.ts'

/** Options of a writer, in addition to those of every service. */
export const writerOptions = defineOptions({
  ...backendOptions,
  database: text('database', REQUIRED, 'The database to write to.'),
  collections: text('collections', 'collections', 'The directory of the collection files.'),
  maxWrites: count('max-writes', 100, 'The maximum number of concurrent writes; more get 503.', {
    min: 1,
    max: 10_000,
  }),
  maxHops: count(
    'max-hops',
    1,
    'The maximum number of change handlers in the lineage of a write; a longer one is a loop and gets 508.',
    { min: 0, max: MAX_HOPS },
  ),
  acknowledgeWithinMs: ms(
    'acknowledge-within',
    5_000,
    'How long a majority may take to journal a write; after that its outcome is unknown: 504.',
  ),
  messages: flag('messages', 'Takes messages too, which `freshet migrate --messages` prepares.'),
  messagesAdminRole: text(
    'messages-admin-role',
    'messages-admin',
    'The role, in the claim `roles`, that may manage every group and revoke tokens.',
  ),
  readerUrl: url('reader-url', undefined, 'Base URL of a reader; answers to GET requests link to it.'),
  unreadyAfterMs: ms(
    'unready-after',
    undefined,
    'Not ready after the database has been silent for this long; by default writes are only refused.',
  ),
})

/** The parsed `writerOptions`. */
export type WriterConfig = ConfigOf<typeof writerOptions>
