import type { Attack } from './attacks/attack.ts'
import { commands } from './attacks/commands.ts'
import { encryption } from './attacks/encryption.ts'
import { escapes } from './attacks/escapes.ts'
import { foreignCode, pipelines } from './attacks/pipelines.ts'
import { clientVerbs, collectionVerbs, databaseVerbs } from './attacks/verbs.ts'

/** Everything that is tried against the compiler, the imports, the veto and the reader's role; see `Attack`. */
export const attacks: readonly Attack[] = [
  ...collectionVerbs,
  ...databaseVerbs,
  ...clientVerbs,
  ...encryption,
  ...pipelines,
  ...foreignCode,
  ...commands,
  ...escapes,
]

/**
 * The driver's other methods, by class: they read, change only objects in this process, or call a method that is
 * attacked above. A method that is neither here nor in an attack fails the tests.
 */
export const harmless: Readonly<Record<string, string>> = {
  AbstractCursor: `addCursorFlag batchSize bufferedCount cleanup client close closed cursorInit emitClose fetchBatch
    forEach getMore hasNext id isDead killed loadBalanced map maxTimeMS namespace next readBufferedDocuments readConcern
    readPreference rewind server session stream throwIfInitialized toArray trackCursor transformDocument tryNext
    withReadConcern withReadPreference`,
  Admin: 'buildInfo listDatabases ping replSetGetStatus serverInfo serverStatus',
  AggregationCursor: 'clone geoNear group limit lookup map match project redact skip sort unwind',
  ChangeStream: 'bufferedCount close closed hasNext next resumeToken stream tryNext',
  ChangeStreamCursor: 'cacheResumeToken clone getMore resumeOptions resumeToken',
  ClientEncryption: 'askForKMSCredentials decrypt encrypt encryptExpression getKey getKeyByAltName getKeys',
  ClientSession: `advanceClusterTime advanceOperationTime endSession equals id inTransaction incrementTransactionNumber
    isPinned loadBalanced pin serverSession toBSON unpin`,
  Collection: `aggregate bsonOptions collectionName count countDocuments dbName distinct estimatedDocumentCount find
    findOne fullNamespace hint indexExists indexInformation indexes isCapped listIndexes listSearchIndexes namespace
    options readConcern readPreference timeoutMS watch writeConcern`,
  Db: `admin aggregate bsonOptions collection collections databaseName indexInformation listCollections namespace
    options profilingLevel readConcern readPreference secondaryOk stats timeoutMS watch writeConcern`,
  ExplainableCursor: 'resolveExplainTimeoutOptions',
  FindCursor: `addQueryModifier allowDiskUse clone collation comment count explain filter getMore hint limit map max
    maxAwaitTimeMS maxTimeMS min project returnKey showRecordId skip sort`,
  GridFSBucket: 'find openDownloadStream openDownloadStreamByName',
  GridFSBucketReadStream: 'abort end start',
  GridFSBucketWriteStream: '',
  ListCollectionsCursor: 'clone',
  ListIndexesCursor: 'clone',
  MongoClient: `appendMetadata autoEncrypter bsonOptions checkForNonGenuineHosts close connect db monitorCommands
    readConcern readPreference serverApi timeoutMS watch writeConcern`,
  OrderedBulkOperation: 'batches bsonOptions handleWriteError length shouldForceServerObjectId writeConcern',
  UnorderedBulkOperation:
    'batches bsonOptions handleWriteError length shouldForceServerObjectId writeConcern',
}

/** The driver's classes that send nothing to a server, by what they are instead. Errors need no entry. */
export const speechless: Readonly<Record<string, string>> = {
  'a value in a document': `Binary BSONRegExp BSONSymbol Code DBRef Decimal128 Double Int32 Long MaxKey MinKey ObjectId
    Timestamp UUID`,
  'news of what a client does':
    'CommandFailedEvent CommandStartedEvent CommandSucceededEvent SrvPollingEvent',
  'an option of a read or write': 'ReadConcern ReadPreference',
  'ways to log in, for a client': 'MongoClientAuthProviders',
}
