import {
  asDocuments,
  openReplica,
  type EmbeddedReplica,
  type HandlerContext,
  type HandlerRefusal,
  type StoredDocument,
} from '@freshet/embed'

/** How an order gets its stamp. */
export type Stamp = (id: string, context: HandlerContext) => Promise<unknown>

export interface StamperParts {
  /** The address of a user who may only read. */
  readonly uri: string
  readonly database: string
  readonly stamp: Stamp
  /** Writers that `stamp` may call, by origin. */
  readonly writers?: readonly string[]
  readonly onRefusal: (refusal: HandlerRefusal) => void
}

/**
 * The classic mistake: a service that is notified of every change of an order, and changes the order in response. Its
 * own stamp notifies it again, endlessly.
 */
export async function openStamper(parts: StamperParts): Promise<EmbeddedReplica<StoredDocument>> {
  const { uri, database, stamp, writers = [], onRefusal } = parts
  const replica = await openReplica({
    uri,
    database,
    collections: { orders: 'string' },
    encoder: asDocuments,
    handlers: { service: 'stamper', writers, onRefusal },
  })
  replica.onChange({
    name: 'stamp',
    collections: ['orders'],
    // The guard requires a reason; it does not judge it.
    allowWrites: [{ collection: 'orders', reason: 'an order is stamped once' }],
    handle: async ({ id }, context) => void (await stamp(id, context)),
  })
  return replica
}
