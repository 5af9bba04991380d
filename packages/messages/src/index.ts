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
  userOf,
} from './ids.ts'
export {
  countVisibleAfter,
  EVERYTHING,
  isMember,
  joined,
  lastVisible,
  left,
  sees,
  visibleSeqs,
} from './intervals.ts'
export type { SeqRange } from './intervals.ts'
export { messageJson } from './message-json.ts'
export {
  MAX_ACKS,
  MAX_BODY_BYTES,
  MAX_BODY_LEVELS,
  MAX_CLIENT_ID_LENGTH,
  MAX_INTERVALS,
  MAX_RECIPIENTS,
  MAX_USER_LENGTH,
  messagesOff,
  reservedNames,
  occupiedName,
} from './rules.ts'
