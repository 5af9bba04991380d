export { reasonAgainst } from './collection-definition.ts'
export type { CollectionDefinition } from './collection-definition.ts'
export {
  causesCollection,
  controlCollection,
  identityId,
  messageCollections,
  messagesDatabase,
} from './own-collections.ts'
export { membersToldBy, refusalOf } from './refusals.ts'
export { sourceIdOf } from './source-id.ts'
export { storedNameFault } from './stored-name.ts'
