export interface LogSettings {
  /** `topic.prefix`: the name of the connector in the log. */
  readonly prefix: string
  /** The topic for everything. */
  readonly topic: string
}

/** Routes everything to one topic. */
function byTable(topic: string): Readonly<Record<string, string>> {
  return {
    transforms: 'one',
    'transforms.one.type': 'io.debezium.transforms.ByLogicalTableRouter',
    'transforms.one.topic.regex': '(.*)',
    'transforms.one.topic.replacement': topic,
  }
}

/** Likewise, for records of MongoDB, which Debezium's own router cannot read. */
function byName(topic: string): Readonly<Record<string, string>> {
  return {
    transforms: 'one',
    'transforms.one.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.one.regex': '(.*)',
    'transforms.one.replacement': topic,
  }
}

/** What every connector needs, as in docs/debezium.md. */
export function logSettings(
  { prefix, topic }: LogSettings,
  router: (topic: string) => Readonly<Record<string, string>> = byTable,
): Readonly<Record<string, string>> {
  return {
    'topic.prefix': prefix,
    ...router(topic),
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': '1',
    'topic.creation.default.retention.ms': '-1',
    'topic.creation.default.retention.bytes': '-1',
    // Where a snapshot begins and ends.
    'notification.enabled.channels': 'sink',
    'notification.sink.topic.name': `${prefix}.notifications`,
    'provide.transaction.metadata': 'true',
    'skipped.operations': 'none',
    'heartbeat.interval.ms': '1000',
    'poll.interval.ms': '5',
    'decimal.handling.mode': 'string',
    'binary.handling.mode': 'bytes',
    'time.precision.mode': 'isostring',
    'event.converting.failure.handling.mode': 'fail',
  }
}

/** The connector for PostgreSQL. @param uri of a user with LOGIN, REPLICATION and `postgresRights`. */
export function postgresSettings(uri: string, log: LogSettings): Readonly<Record<string, string>> {
  const { hostname, port, username, password, pathname } = new URL(uri)
  return {
    name: log.prefix,
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    // The default needs a superuser.
    'publication.autocreate.mode': 'disabled',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': decodeURIComponent(username),
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    ...logSettings(log),
  }
}

const isDropped = { $in: ['$operationType', ['drop', 'rename']] }
/** Shows the cluster time of changes, and dropped and renamed collections as deletions of an id that no document has. */
const mongoDbPipeline = [
  {
    $set: {
      wallTime: { $toDate: '$clusterTime' },
      operationType: { $cond: [isDropped, 'delete', '$operationType'] },
      documentKey: {
        $cond: [isDropped, { _id: ['$operationType', '$to.coll'] }, '$documentKey'],
      },
    },
  },
]

/**
 * The connector for MongoDB.
 * @param uri with options, of a user with `mongoDbPrivileges`.
 */
export function mongoDbSettings(
  uri: string,
  database: string,
  log: LogSettings,
): Readonly<Record<string, string>> {
  return {
    name: log.prefix,
    'connector.class': 'io.debezium.connector.mongodb.MongoDbConnector',
    // The default reads what is rolled back if the primary is lost.
    'mongodb.connection.string': `${uri}&readConcernLevel=majority`,
    'database.include.list': database,
    'capture.mode': 'change_streams_update_full',
    'capture.mode.full.update.type': 'post_image',
    'cursor.pipeline.order': 'user_first',
    'cursor.pipeline': JSON.stringify(mongoDbPipeline),
    // Otherwise Debezium does not start again if it is killed when it has just begun a snapshot.
    'snapshot.mode': 'when_needed',
    ...logSettings(log, byName),
  }
}

/** A user of MySQL or MariaDB with `binaryLogRights`. */
export interface BinaryLogUser {
  readonly hostname: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** The connector for MariaDB. */
export function mariaDbSettings(user: BinaryLogUser, log: LogSettings): Readonly<Record<string, string>> {
  return binaryLogSettings('io.debezium.connector.mariadb.MariaDbConnector', user, log)
}

/** The connector for MySQL. */
export function mySqlSettings(user: BinaryLogUser, log: LogSettings): Readonly<Record<string, string>> {
  return binaryLogSettings('io.debezium.connector.mysql.MySqlConnector', user, log)
}

function binaryLogSettings(
  connector: string,
  user: BinaryLogUser,
  log: LogSettings,
): Readonly<Record<string, string>> {
  return {
    'connector.class': connector,
    'database.hostname': user.hostname,
    'database.port': String(user.port),
    'database.user': user.user,
    'database.password': user.password,
    'database.include.list': user.database,
    // Any number that no other replica has.
    'database.server.id': '5400',
    'include.schema.changes': 'false',
    // An idle server sends a heartbeat after 0.8 of this time, and Debezium writes none before that. The default is a minute.
    'connect.keep.alive.interval.ms': '5000',
    ...logSettings(log),
    // The default makes large numbers negative.
    'bigint.unsigned.handling.mode': 'precise',
    // TIME cannot be written as `isostring`.
    'time.precision.mode': 'microseconds',
  }
}

/**
 * Where a connector for MySQL or MariaDB keeps the definitions of tables: in this file, which survives a kill.
 * @param prefix of every name.
 */
export function schemaHistory(file: string, prefix = ''): Readonly<Record<string, string>> {
  return {
    [`${prefix}schema.history.internal`]: 'io.debezium.storage.file.history.FileSchemaHistory',
    [`${prefix}schema.history.internal.file.filename`]: file,
  }
}

/** Debezium Server with this connector, into one stream of NATS JetStream that it creates, named as the connector. */
export function natsServerSettings(
  connector: Readonly<Record<string, string>>,
  { prefix, topic }: LogSettings,
  natsUri: string,
): Readonly<Record<string, string>> {
  const sink = 'debezium.sink.nats-jetstream'
  const settings: Record<string, string> = {
    'debezium.sink.type': 'nats-jetstream',
    [`${sink}.url`]: natsUri,
    [`${sink}.create-stream`]: 'true',
    [`${sink}.stream-name`]: prefix,
    [`${sink}.subjects`]: topic,
    // The default is memory.
    [`${sink}.storage`]: 'file',
    'debezium.format.key.schemas.enable': 'false',
    'debezium.format.key.decimal.format': 'NUMERIC',
    'debezium.format.value.schemas.enable': 'false',
    'debezium.format.value.decimal.format': 'NUMERIC',
  }
  for (const [name, value] of Object.entries(connector)) {
    const where = name.startsWith('transforms') ? 'debezium.' : 'debezium.source.'
    if (!name.startsWith('topic.creation.')) settings[where + name] = value
  }
  return settings
}
