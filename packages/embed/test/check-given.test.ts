import { expect, test } from '@jest/globals'
import {
  asDocuments,
  asRows,
  defaultReplicaOptions,
  openReplica,
  type OpenReplicaOptions,
} from '../src/index.ts'

/** Nothing listens here: invalid options are rejected before anything is opened. */
const good = {
  uri: 'mongodb://127.0.0.1:1/?directConnection=true',
  database: 'shop',
  collections: { orders: 'string' },
  encoder: asDocuments,
}

const opened = (changed: object): Promise<unknown> => {
  // Callers without a compiler may pass anything.
  const given: OpenReplicaOptions<never> = Object.assign(Object.create(null), good, changed)
  return openReplica(given)
}

test.each<[object, string]>([
  [{ uri: undefined }, 'uri: expected a non-empty string, got undefined'],
  [{ uri: '' }, 'uri: '],
  [{ database: 7 }, 'database: expected a non-empty string, got 7'],
  [{ collections: undefined }, 'collections: expected an object, got undefined'],
  [{ collections: ['orders'] }, 'collections: expected an object, got an array'],
  [{ collections: {} }, 'collections: expected at least one collection'],
  [
    { collections: { orders: 'int' } },
    "collections.orders: expected one of 'string', 'objectid', 'integer', 'uuid'",
  ],
  [{ collections: { orders: { idType: 'text', stored: 'Orders' } } }, 'collections.orders.idType: '],
  [{ collections: { orders: { idType: 'string' } } }, 'collections.orders.stored: '],
  [
    { collections: { orders: { idType: 'string', stored: 'system.users' } } },
    "collections: expected a collection that is not MongoDB's own",
  ],
  [{ encoder: undefined }, 'encoder: expected an object with the functions encode, sizeOf, got undefined'],
  [{ encoder: { encode: () => 1 } }, 'encoder: '],
  [{ encoder: asRows }, 'encoder: expected asDocuments: asRows is for PostgreSQL'],
  [{ uri: 'postgres://a:b@127.0.0.1:1/' }, 'encoder: expected asRows: asDocuments is for MongoDB'],
  [
    { handlers: { service: 'stock', writers: 'http://writer:8080' } },
    'handlers.writers: expected a list of origins',
  ],
  [
    { handlers: { service: 'stock', writers: ['http://writer:8080/v1'] } },
    'handlers.writers: expected origins such as \'http://writer:8080\', got "http://writer:8080/v1"',
  ],
  [{ handlers: { service: 'stock', writers: ['writer:8080'] } }, 'handlers.writers: '],
  [{ options: { cacheSize: 1 } }, 'options: expected one of cacheBytes, '],
  [
    { options: { cacheBytes: '64MiB' } },
    'options.cacheBytes: expected a number from 0 to 9007199254740991, got "64MiB"',
  ],
  [{ options: { fillWaitMs: Number.NaN } }, 'options.fillWaitMs: '],
  [{ options: { fillWaitMs: undefined } }, 'options.fillWaitMs: '],
  [
    { options: { fillWaitMs: Infinity } },
    'options.fillWaitMs: expected a number from 0 to 2147483647, got Infinity',
  ],
  [{ options: { maxReads: -1 } }, 'options.maxReads: '],
  [{ options: { retry: { firstMs: 1 } } }, 'options.retry.maxMs: '],
  [{ liveWithinMs: '30s' }, 'liveWithinMs: '],
  [{ timeline: '' }, 'timeline: '],
  [{ publication: '' }, 'publication: '],
  [{ publication: 'freshet' }, 'publication: expected none: it is an option for PostgreSQL'],
  [
    { uri: 'postgres://a:b@127.0.0.1:1/', timeline: 't' },
    'timeline: expected none: it is an option for MongoDB',
  ],
  [{ uri: 'postgres://a:secret@[' }, 'uri: expected postgres://user:password@host:port/'],
  [
    { uri: 'postgres://a:secret@b,c/?target_session_attrs=any' },
    'uri: target_session_attrs: expected primary or read-write',
  ],
  [
    {
      uri: 'postgres://a:b@127.0.0.1:1/',
      collections: { orders: { idType: 'string', stored: 'a.b.c' } },
      encoder: asRows,
    },
    'collections: expected a table such as',
  ],
  [{ handlers: {} }, 'handlers.service: '],
  [{ handlers: { service: 'My Shop' } }, 'handlers.service: '],
  [{ log: { info: () => undefined } }, 'log: '],
  [
    { collection: { orders: 'string' } },
    "openReplica: expected one of uri, database, collections, encoder, options, timeline, publication, liveWithinMs, handlers, log, got 'collection'",
  ],
])(
  'E1 options that openReplica cannot use are rejected by name before anything is opened: %j',
  async (changed, words) => {
    await expect(opened(changed)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      retry: false,
      detail: expect.stringContaining(words),
    })
  },
)

test('E1 negative control: valid options get as far as the network', async () => {
  const all = {
    options: defaultReplicaOptions,
    timeline: 't',
    liveWithinMs: 1,
    handlers: { service: 'shop' },
    log: console,
  }
  await expect(opened(all)).rejects.toMatchObject({ code: 'UNREACHABLE' })
  const { timeline: _, ...others } = all
  const postgres = { ...others, uri: 'postgres://a:b@127.0.0.1:1/', encoder: asRows, publication: 'p' }
  await expect(opened(postgres)).rejects.toMatchObject({ code: 'DISCONNECTED' })
})
