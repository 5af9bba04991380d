export { BinaryLogDatabase, findDatabase, mariaDb, mySql } from './binary-log-database.ts'
export type { BinaryLogDatabaseOptions, BinaryLogProduct } from './binary-log-database.ts'
export { Connect } from './connect.ts'
export type { ConnectOptions } from './connect.ts'
export { DebeziumServer } from './debezium-server.ts'
export type { DebeziumServerOptions } from './debezium-server.ts'
export { ifInstalled, installDebeziumServer, installJars, installNats } from './installed.ts'
export { Kafka } from './kafka.ts'
export { Nats } from './nats.ts'
export { binaryLogRights, mongoDbPrivileges, postgresRights } from './rights.ts'
export type { Server } from './server.ts'
export {
  logSettings,
  mariaDbSettings,
  mongoDbSettings,
  mySqlSettings,
  natsServerSettings,
  postgresSettings,
} from './settings.ts'
export type { BinaryLogUser, LogSettings } from './settings.ts'
