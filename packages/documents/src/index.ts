export type {
  DocumentCodec,
  EncodedDocument,
  Patch,
  PatchFormat,
  PatchRules,
  ReceivedDocument,
  StoredDocument,
} from './codec.ts'
export type { Access, Collection, Issue, JsonObject, JsonValue } from './contract.ts'
export { BodyError, CollectionFileError } from './errors.ts'
export type { BodyErrorCode } from './errors.ts'
export { bodyLimits, nameFault, numberFault, readsBack, reservedNames } from './body-rules.ts'
export { ETAG_LENGTH, etagOf } from './etag.ts'
export { pointerTo, readPointer } from './json-pointer.ts'
export { applyJsonPatch } from './json-patch.ts'
export { loadCollections } from './load-collections.ts'
export { MAPPING_VERSION } from './etag.ts'
export { expectSameId } from './patch-rules.ts'
export type { PatchTree } from './patch-tree.ts'
export { uuidV7 } from './uuid.ts'
