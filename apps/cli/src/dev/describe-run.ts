import { addressWithDatabase } from '@freshet/postgres-rules'
import type { Endpoints } from './child.ts'
import type { RunningDev } from './running.ts'

const databaseNames = { mongodb: 'MongoDB', postgres: 'PostgreSQL' } as const

/** Describes the run, as one JSON line for programs and as text for people. */
export function describeRun(
  running: RunningDev,
  chat: string | undefined,
): { readonly json: string; readonly text: string } {
  const { writer, readers, deliveries, databaseKind, addresses, database, token } = running
  // A client of PostgreSQL opens the database that the address names.
  const { admin } = addresses
  const uri = databaseKind === 'postgres' ? (addressWithDatabase(admin, database) ?? admin) : admin
  const json = JSON.stringify({
    ready: true,
    writer: writer.url,
    readers: readers.map(({ url }) => url),
    deliveries: deliveries.map(({ url }) => url),
    management: {
      writer: writer.managementUrl,
      readers: readers.map(({ managementUrl }) => managementUrl),
      deliveries: deliveries.map(({ managementUrl }) => managementUrl),
    },
    [databaseKind]: uri,
    database,
    token,
    chat,
  })
  const rows = [
    ['writer', writer.url, `metrics and health: ${writer.managementUrl}/statusz`],
    ...rowsOf('reader', readers),
    ...rowsOf('delivery', deliveries),
    [databaseNames[databaseKind], uri, `database ${database}`],
    ['token', token, ''],
    ...(chat === undefined ? [] : [['chat', chat, 'two people on two deliveries; kill one and watch']]),
  ]
  const lines = rows.map(([name = '', url = '', note = '']) => `${name.padEnd(11)} ${url}  ${note}`.trimEnd())
  return { json, text: `${lines.join('\n')}\n\nEverything is ready. Press Ctrl-C to stop.` }
}

function rowsOf(name: string, services: readonly Endpoints[]): readonly (readonly string[])[] {
  return services.map(({ url, managementUrl }, at) => [
    `${name} ${at + 1}`,
    url,
    `metrics and health: ${managementUrl}/statusz`,
  ])
}
