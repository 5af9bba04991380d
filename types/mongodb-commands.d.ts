/**
 * The driver's way to put documents that are already BSON into a command. Its serializer supports no such value, and
 * converting documents to JavaScript objects would lose the order of integer-like names and the types of numbers. The
 * package has no public types for it; these are the parts that the store uses.
 */
declare module 'mongodb/lib/cmap/commands.js' {
  /** A document sequence, sent outside of the command body (`documents`, `updates`). */
  export class DocumentSequence {
    constructor(field: string)
    /** `document` is only for monitoring; `bytes` are sent. */
    push(document: object, bytes: Uint8Array): number
  }
}
