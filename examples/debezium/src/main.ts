/**
 * PostgreSQL → Debezium → Kafka → two readers, on this machine, without Docker: `npm run debezium`. With `--once` it changes a
 * row, prints what both readers answer, and ends. Requires Java 17 and Maven.
 */
import { Connect, installJars, Kafka, postgresRights, postgresSettings } from '@freshet/debezium'
import { findFreePort, TestDatabase, testUser } from '@freshet/postgres'
import { appCommand, eventually } from '@freshet/testkit'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const isOnce = process.argv.includes('--once')

const tables = [
  'create table products (id text primary key, name text, price numeric(8,2), stock integer)',
  `insert into products values ('desk-oak', 'Oak desk', 249.00, 12), ('lamp-steel', 'Steel lamp', 39.50, 40)`,
]

/** Starts a reader, and resolves with its address when it answers. It ends with this process. */
async function startReader(log: string): Promise<string> {
  const [port, managementPort] = [await findFreePort(), await findFreePort()]
  const own = [`--port=${port}`, `--management-port=${managementPort}`, '--database=postgres', '--no-tokens']
  const collections = `--collections=${join(import.meta.dirname, '../../../collections')}`
  const child = spawn(process.execPath, [...appCommand('reader'), ...own, collections], {
    env: { PATH: process.env['PATH'], FRESHET_LOG_URI: log },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  readers.push(child)
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => {
    const { status } = await fetch(`${url}/v1/products/desk-oak`)
    if (status !== 200) throw new Error(`expected a reader that answers, got ${status}`)
  })
  return url
}
const readers: { kill(signal: NodeJS.Signals): void }[] = []

async function run(): Promise<void> {
  const jars = await installJars(() => say('Fetching Kafka and Debezium from Maven Central (60 MB, once) …'))
  await using db = await TestDatabase.open({
    statements: [...tables, ...postgresRights(testUser, ['public.products'])],
  })
  await using kafka = await Kafka.open(jars)
  const settings = {
    ...postgresSettings(db.uri, { prefix: 'app', topic: 'app.all' }),
    'table.include.list': 'public.products',
  }
  await using _ = await Connect.open({ jars, kafka: kafka.address, connector: settings })
  const log = `kafka://${kafka.address}/app.all`
  const urls = await Promise.all([startReader(log), startReader(log)])
  say(`PostgreSQL  ${db.server.uri()}`)
  say(`the log     ${log}`)
  for (const url of urls) say(`a reader    ${url}`)
  say(`\n  psql ${db.server.uri()} -c "update products set stock = stock - 1 where id = 'desk-oak'"`)
  say(`  curl -i ${urls[0] ?? ''}/v1/products/desk-oak\n\nCtrl-C ends all of it.`)
  if (!isOnce) return void (await once(process, 'SIGINT'))
  await db.admin.query(`update products set stock = 7 where id = 'desk-oak'`)
  for (const url of urls)
    await eventually(async () => {
      const text = await (await fetch(`${url}/v1/products/desk-oak`)).text()
      if (!text.includes('"stock":7')) throw new Error(`expected the change, got ${text}`)
      say(`answer ${text}`)
    })
}

try {
  await run()
} finally {
  for (const reader of readers) reader.kill('SIGTERM')
}
