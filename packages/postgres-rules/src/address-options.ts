/** What one option of an address may be. */
interface Rule {
  readonly accepts: RegExp
  /** Completes "expected …". */
  readonly expected: string
}

const nothing = /^(?!)/
const anything = /./s

const refused = (remedy: string): Rule => ({ accepts: nothing, expected: `none: ${remedy}` })
const only = (value: string, reason: string): Rule => ({
  accepts: new RegExp(`^(?:${value})$`),
  expected: `${value.replaceAll('|', ' or ')}: ${reason}`,
})

const file: Rule = { accepts: /^(?!system$)./s, expected: 'a file' }
const inAddress = refused('put it before the hosts, as in postgres://user:password@host:port/')
const ofTheRole = refused('Freshet decides what its sessions need. Others are set by ALTER ROLE … SET')
const ofTheSystem = refused('the settings of the operating system are used')
const ofTheDriver = refused('the driver cannot do it')

/** Options that are acted on by Freshet, and that the driver does not know. */
export const ownOptions = [
  'target_session_attrs',
  'load_balance_hosts',
  'connect_timeout',
  'host',
  'port',
] as const

/**
 * What is accepted is acted on, by Freshet or by the driver, or says what is done anyway. Without this table the driver would ignore
 * most of the others, and let `options` replace the settings of sessions on which promises depend.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 */
const rules: Readonly<Record<string, Rule>> = {
  target_session_attrs: only('primary|read-write', 'everything is read from the primary, and written to it'),
  load_balance_hosts: only('disable', 'there is one primary'),
  connect_timeout: { accepts: /^(?:[1-9]|[1-5][0-9]|60)$/, expected: '1 to 60 seconds for each host' },
  host: {
    accepts: /^[^,]+$/,
    expected: 'one host. Put several before the database, as in postgres://user:password@a:5432,b:5432/',
  },
  port: { accepts: /^[1-9][0-9]{0,4}$/, expected: 'one port for all hosts' },
  application_name: { accepts: anything, expected: 'a name' },
  sslmode: only(
    'disable|prefer|require|verify-ca|verify-full|no-verify',
    'all but the first and the last check the certificate',
  ),
  uselibpqcompat: only('true', 'without it, certificates are checked'),
  ssl: only('true', 'see sslmode'),
  sslnegotiation: only('postgres|direct', 'how TLS begins'),
  sslrootcert: { accepts: file.accepts, expected: 'a file. Without it, the authorities of Node.js are used' },
  sslcert: file,
  sslkey: file,
  sslcompression: only('0', 'nothing is compressed'),
  sslsni: only('1', 'the host is named to the server'),
  gssencmode: only('disable|prefer', 'the driver has no GSSAPI'),
  channel_binding: only('disable|prefer', 'it is not done. sslmode=verify-full proves which server it is'),
  client_encoding: { accepts: /^utf-?8$/i, expected: 'UTF8' },
  keepalives: only('1', 'lost servers are noticed'),
  hostaddr: refused('put the IP addresses in place of the hosts'),
  user: inAddress,
  password: inAddress,
  passfile: inAddress,
  service: inAddress,
  servicefile: inAddress,
  dbname: refused('put it after the hosts, as in postgres://host:port/database'),
  options: ofTheRole,
  statement_timeout: ofTheRole,
  lock_timeout: ofTheRole,
  idle_in_transaction_session_timeout: ofTheRole,
  fallback_application_name: refused('use application_name'),
  replication: refused('Freshet decides which sessions replicate'),
  keepalives_idle: ofTheSystem,
  keepalives_interval: ofTheSystem,
  keepalives_count: ofTheSystem,
  tcp_user_timeout: ofTheSystem,
  ...Object.fromEntries(
    [
      'gssdelegation',
      'gsslib',
      'krbsrvname',
      'max_protocol_version',
      'min_protocol_version',
      'require_auth',
      'requirepeer',
      'requiressl',
      'ssl_max_protocol_version',
      'ssl_min_protocol_version',
      'sslcertmode',
      'sslcrl',
      'sslcrldir',
      'sslkeylogfile',
      'sslpassword',
    ].map((name) => [name, ofTheDriver]),
  ),
}

const known = Object.keys(rules).filter((name) => rules[name]?.accepts !== nothing)

/**
 * What is wrong with the options. A fault never contains what was given: without its percent-encoding, a password may end at a
 * question mark.
 */
export function optionFault(options: URLSearchParams): string | undefined {
  for (const name of new Set(options.keys())) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) return `expected options among ${known.join(', ')}; got another one`
    const values = options.getAll(name)
    if (values.length > 1) return `${name}: expected it once`
    if (!values.every((value) => rule.accepts.test(value))) return `${name}: expected ${rule.expected}`
  }
  return undefined
}
