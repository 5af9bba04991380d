/**
 * The driver's way to put documents that are BSON already into a command. Its serializer knows no such value, and a
 * document that went through JavaScript objects would lose the order of integer-like names and the types of its
 * numbers. The package publishes no types for it; this is all that the store relies on.
 */
declare module 'mongodb/lib/cmap/commands.js' {
  /** A list of documents that stands outside of the command (`documents`, `updates`). */
  export class DocumentSequence {
    constructor(field: string)
    /** `document` is for monitoring only; `bytes` are sent. */
    push(document: object, bytes: Uint8Array): number
  }
}
