/** Holds the identity of the source and the heartbeat of idle writers; read by readers, never shown to clients. */
export const controlCollection = 'freshet'

/** `_id` of the document in it whose `timeline` names the history. */
export const identityId = 'source'

/** Where writers tell why they write, in the transaction of the write; always empty to whoever looks. */
export const causesCollection = 'freshet_causes'
