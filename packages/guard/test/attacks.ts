import type { Attack } from './attacks/attack.ts'
import { commands } from './attacks/commands.ts'
import { escapes } from './attacks/escapes.ts'
import { foreignCode, pipelines } from './attacks/pipelines.ts'
import { clientVerbs, collectionVerbs, databaseVerbs } from './attacks/verbs.ts'

/** Everything that is tried: at the compiler, at the imports, at the veto and as the reader's user; see `Attack`. */
export const attacks: readonly Attack[] = [
  ...collectionVerbs,
  ...databaseVerbs,
  ...clientVerbs,
  ...pipelines,
  ...foreignCode,
  ...commands,
  ...escapes,
]

/**
 * The driver's other methods, by class: they read, or change only what lies in this process, or end up in a method
 * that is attacked above. A method that is neither here nor in an attack fails the tests.
 */
export const harmless: Readonly<Record<string, string>> = {
  Admin: 'buildInfo listDatabases ping replSetGetStatus serverInfo serverStatus',
  AggregationCursor: 'clone geoNear group limit lookup map match project redact skip sort unwind',
  ClientEncryption: 'askForKMSCredentials decrypt encrypt encryptExpression getKey getKeyByAltName getKeys',
  ClientSession: `advanceClusterTime advanceOperationTime endSession equals id inTransaction incrementTransactionNumber
    isPinned loadBalanced pin serverSession toBSON unpin`,
  Collection: `aggregate bsonOptions collectionName count countDocuments dbName distinct estimatedDocumentCount find
    findOne fullNamespace hint indexExists indexInformation indexes isCapped listIndexes listSearchIndexes namespace
    options readConcern readPreference timeoutMS watch writeConcern`,
  Db: `admin aggregate bsonOptions collection collections databaseName indexInformation listCollections namespace
    options profilingLevel readConcern readPreference secondaryOk stats timeoutMS watch writeConcern`,
  FindCursor: `addQueryModifier allowDiskUse clone collation comment count explain filter getMore hint limit map max
    maxAwaitTimeMS maxTimeMS min project returnKey showRecordId skip sort`,
  GridFSBucket: 'find openDownloadStream openDownloadStreamByName',
  MongoClient: `appendMetadata autoEncrypter bsonOptions checkForNonGenuineHosts close connect db monitorCommands
    readConcern readPreference serverApi timeoutMS watch writeConcern`,
  OrderedBulkOperation: 'batches bsonOptions handleWriteError length shouldForceServerObjectId writeConcern',
  UnorderedBulkOperation:
    'batches bsonOptions handleWriteError length shouldForceServerObjectId writeConcern',
}
