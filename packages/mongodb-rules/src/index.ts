export {
  causesCollection,
  controlCollection,
  identityId,
  messageCollections,
  messagesDatabase,
  reasonAgainst,
  sourceIdOf,
  storedNameFault,
} from './collections.ts'
export type { CollectionDefinition } from './collections.ts'
export { membersToldBy, refusalOf } from './refusals.ts'
