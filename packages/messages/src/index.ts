export type * from './contract.ts'
export {
  compositeId,
  conversationId,
  cursorId,
  isGroupId,
  isUser,
  membershipId,
  membersOf,
  revocationId,
} from './ids.ts'
export { EVERYTHING, isMember, joined, lastVisible, left, sees } from './intervals.ts'
export {
  MAX_ACKS,
  MAX_BODY_BYTES,
  MAX_CLIENT_ID_LENGTH,
  MAX_INTERVALS,
  MAX_RECIPIENTS,
  MAX_USER_LENGTH,
  reservedNames,
  occupiedName,
} from './rules.ts'
