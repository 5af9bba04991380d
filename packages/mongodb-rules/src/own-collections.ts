/** Contains the identity of the source and the heartbeat of idle writers. Read by readers, never served to clients. */
export const controlCollection = 'freshet'

/** `_id` of the document whose `timeline` identifies the history. */
export const identityId = 'source'

/** Where writers record the cause of a write, in the write's transaction. Always empty outside of it. */
export const causesCollection = 'freshet_causes'

/** The database of messages that belongs to an application's database. */
export const messagesDatabase = (database: string): string => `${database}_messages`

/** The collections of the database of messages, beside its control collection. */
export const messageCollections = {
  messages: 'messages',
  conversations: 'conversations',
  memberships: 'memberships',
  cursors: 'cursors',
  revocations: 'revocations',
} as const
