import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runsAsOther, startPostgres, type Postgres } from '@freshet/postgres'
import { eventually } from '@freshet/testkit'
import { execFile } from 'node:child_process'
import { chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { connectorFor } from '../src/index.ts'

const execute = promisify(execFile)
const withinMs = 5_000

let folder: string
let primary: Postgres
let standby: Postgres
/** Of both servers. */
let authorities: string

/** Puts a certificate for one name where the server looks for it. */
async function certify(data: string, name: string): Promise<string> {
  const [key, certificate] = [join(data, 'server.key'), join(data, 'server.crt')]
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=test', '-addext', `subjectAltName=${name}`, '-days', '2']
  await execute('openssl', [...request, ...names, '-keyout', key, '-out', certificate])
  const { uid, gid } = await stat(data)
  if (runsAsOther) await Promise.all([key, certificate].map((file) => chown(file, uid, gid)))
  return await readFile(certificate, 'utf8')
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freshet-certificates-'))
  primary = await startPostgres()
  const ofPrimary = await certify(primary.data, 'DNS:localhost')
  const admin = connectorFor(primary.uri(), withinMs).client({})
  await admin.connect()
  await admin.query('alter system set ssl = on')
  await admin.query('select pg_reload_conf()')
  await eventually(async () => expect((await admin.query('show ssl')).rows).toEqual([{ ssl: 'on' }]))
  await admin.end()
  standby = await primary.copyForStandby()
  const ofStandby = await certify(standby.data, 'IP:127.0.0.1')
  await standby.start()
  authorities = join(folder, 'authorities.pem')
  await writeFile(authorities, ofPrimary + ofStandby)
}, 60_000)
afterAll(async () => {
  await Promise.all([primary.close(), standby.close()])
  await rm(folder, { recursive: true })
})

const addressOf = (hosts: string): string =>
  `${primary.uri().replace(`127.0.0.1:${primary.port}`, hosts)}?sslmode=verify-full&sslrootcert=${authorities}`

test('H5 the certificate of each host is compared with the name of that host', async () => {
  const connector = connectorFor(addressOf(`127.0.0.1:${standby.port},localhost:${primary.port}`), withinMs)
  const pool = connector.pool({})
  const client = connector.client({})
  await client.connect()
  const question = `select current_setting('port')::int as port, ssl from pg_stat_ssl where pid = pg_backend_pid()`
  const expected = [{ port: primary.port, ssl: true }]
  expect([(await pool.query(question)).rows, (await client.query(question)).rows]).toEqual([
    expected,
    expected,
  ])
  await Promise.all([pool.end(), client.end()])
})

test('H5 a primary whose certificate is for the name of another host is not used', async () => {
  const uri = addressOf(`localhost:${standby.port},127.0.0.1:${primary.port}`)
  const error: unknown = await connectorFor(uri, withinMs)
    .client({})
    .connect()
    .catch((failure: unknown) => failure)
  expect(String(error)).toMatch(
    new RegExp(
      `expected a primary, got localhost:${standby.port}: Hostname/IP does not match certificate's altnames.*` +
        `; 127.0.0.1:${primary.port}: Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not`,
    ),
  )
})

test('H5 a host is named to the server by its own name', async () => {
  const names: (string | undefined)[] = []
  const context = createSecureContext({
    key: await readFile(join(primary.data, 'server.key')),
    cert: await readFile(join(primary.data, 'server.crt')),
  })
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    // The request for TLS.
    socket.once('data', () => {
      socket.write('S')
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext: context,
        SNICallback: (name, done) => {
          names.push(name)
          done(null, context)
        },
      })
      secure.on('error', () => undefined)
      secure.once('data', () => secure.destroy())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const client = connectorFor(addressOf(`127.0.0.1:${standby.port},localhost:${port}`), withinMs).client({})
  await expect(client.connect()).rejects.toThrow(/a standby; localhost:[0-9]+: Connection terminated/)
  expect(names).toEqual(['localhost'])
  await new Promise((resolve) => server.close(resolve))
})
