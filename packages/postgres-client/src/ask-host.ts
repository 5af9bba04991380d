import { serverExpression, timelineExpression, type PostgresHost } from '@freshet/postgres-rules'
import { Client } from 'pg'
import { NotToldError } from './errors.ts'

const NOT_ALLOWED = '42501'

/** What a server says of itself. */
export interface Seen {
  /** The cluster: the same for a primary and its standbys. */
  readonly systemId: string
  /** A fail-over begins a new one with a higher number. `undefined`: a standby. */
  readonly timeline: number | undefined
  /** When the process started. */
  readonly started: string
  /** The value of the setting {@link marker} in this session. */
  readonly marked: string | undefined
}

/** What became of a question to one host. */
export type Asked =
  | { readonly host: PostgresHost; readonly seen: Seen }
  /** `code`: the SQLSTATE, if the server answered. */
  | { readonly host: PostgresHost; readonly reason: string; readonly code: string | undefined }

/** A setting that is sent with those of a session: where it is missing, the others are too. */
export const marker = 'freshet.session'

const question = {
  text: `select system_identifier::text, ${serverExpression},
    case when not pg_is_in_recovery() then ${timelineExpression} end, current_setting('${marker}', true)
    from pg_control_system()`,
  rowMode: 'array',
} as const

/** Asks the server behind a connection. @throws {NotToldError}, and errors of the driver. */
export async function see(client: Client, withinMs: number): Promise<Seen> {
  const query = { ...question, query_timeout: withinMs }
  const { rows } = await client.query<readonly (string | null)[]>(query).catch((error: unknown) => {
    throw sqlStateOf(error) === NOT_ALLOWED ? new NotToldError(NOT_ALLOWED, error) : error
  })
  const [systemId, started, timeline, marked] = rows[0] ?? []
  return {
    systemId: systemId ?? '',
    started: started ?? '',
    marked: marked ?? undefined,
    timeline: typeof timeline === 'string' ? Number(timeline) : undefined,
  }
}

/** Asks the server at a host over a connection of its own. Never rejects. */
export async function askHost(host: PostgresHost, driverUri: string, withinMs: number): Promise<Asked> {
  let client: Client | undefined
  try {
    client = new Client({
      connectionString: driverUri,
      connectionTimeoutMillis: withinMs,
      application_name: 'freshet search',
    })
    // An error also fails what is awaited.
    client.on('error', () => undefined)
    leadTo(client, host)
    await client.connect()
    return { host, seen: await see(client, withinMs) }
  } catch (error) {
    return { host, reason: reasonOf(error), code: sqlStateOf(error) }
  } finally {
    client?.end().catch(() => undefined)
  }
}

/** Before it connects. The name in the server's certificate is compared with this host. */
export function leadTo(client: Client, { host, port }: PostgresHost): void {
  client.host = host
  client.port = port
}

/** A name with several addresses fails with an error for each and no message. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error)
  if (error.message === '' && 'errors' in error && Array.isArray(error.errors))
    return error.errors.map(reasonOf).join(' and ')
  return String(error.message)
}

/** The SQLSTATE, if the server answered. */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined
}
