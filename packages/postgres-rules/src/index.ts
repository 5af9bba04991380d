export {
  addressFault,
  addressWith,
  addressWithDatabase,
  isPostgresAddress,
  partsOfAddress,
  postgresAddress,
} from './address.ts'
export type { AddressParts, PostgresAddress } from './address.ts'
export { findTable, fingerprintOf, publishedStates } from './catalog.ts'
export type { Column, Field, Found, Layout, Published, Query } from './catalog.ts'
export { documentColumns, documentJson, documentTextOf, holdsDocuments, onOneLine } from './document-rows.ts'
export { hostText } from './hosts.ts'
export type { PostgresHost } from './hosts.ts'
export { historyColumns, serverExpression, sourceIdOf, timelineExpression } from './identity.ts'
export type { History } from './identity.ts'
export { endOfLastRecord, lsnOf, positionInBuffer, positionOfLsn } from './lsn.ts'
export type { WalLayout } from './lsn.ts'
export {
  CAUSE_PREFIX,
  DDL_PREFIX,
  NUDGE_PREFIX,
  ownSchema,
  ownTables,
  publicationName,
  roleOf,
  userNames,
} from './names.ts'
export type { UserName } from './names.ts'
export {
  ddlFunction,
  eventTriggers,
  eventTriggerStatements,
  literal,
  reportDefinitions,
  setUpStatements,
} from './set-up.ts'
export type { SetUp } from './set-up.ts'
export { idIn, quoted, tableAt, tableNameFault, tablesOf } from './tables.ts'
export type { Table } from './tables.ts'
