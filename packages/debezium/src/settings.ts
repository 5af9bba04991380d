export interface LogSettings {
  /** `topic.prefix`: the name of the connector in the log. */
  readonly prefix: string
  /** The topic for everything. */
  readonly topic: string
}

/** What every connector needs, as in docs/debezium.md. */
export function logSettings({ prefix, topic }: LogSettings): Readonly<Record<string, string>> {
  return {
    'topic.prefix': prefix,
    transforms: 'one',
    'transforms.one.type': 'io.debezium.transforms.ByLogicalTableRouter',
    'transforms.one.topic.regex': '(.*)',
    'transforms.one.topic.replacement': topic,
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': '1',
    'topic.creation.default.retention.ms': '-1',
    'topic.creation.default.retention.bytes': '-1',
    'provide.transaction.metadata': 'true',
    'skipped.operations': 'none',
    'heartbeat.interval.ms': '1000',
    'poll.interval.ms': '5',
    'decimal.handling.mode': 'string',
    'binary.handling.mode': 'base64',
    'time.precision.mode': 'isostring',
  }
}

/** The connector for PostgreSQL. @param uri of a user with REPLICATION and the right to create a publication. */
export function postgresSettings(uri: string, log: LogSettings): Readonly<Record<string, string>> {
  const { hostname, port, username, password, pathname } = new URL(uri)
  return {
    name: log.prefix,
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': decodeURIComponent(username),
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    ...logSettings(log),
  }
}
