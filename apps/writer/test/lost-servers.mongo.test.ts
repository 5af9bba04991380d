import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase, silentLog, startImpostor, type TestDatabase } from '@freshet/testkit'
import { collections, openWriter, type OpenWriter } from './support/open-writer.ts'

const passwords = { 'freshet-writer': 'the same on both' } as const

const memberOf = (db: TestDatabase): TestDatabase['servers']['members'][number] => {
  const [member] = db.servers.members
  if (member === undefined) throw new Error('expected a set of one')
  return member
}

async function writes(writer: OpenWriter): Promise<void> {
  await eventually(async () => {
    const got = await writer.send('PUT', 'products/p', { body: { name: `x${Math.random()}` } })
    expect([200, 201]).toContain(got.status)
  })
}

const readyz = async (writer: OpenWriter): Promise<unknown> => {
  const response = await fetch(`${writer.service.managementUrl}/readyz`)
  return { status: response.status, ...((await response.json()) as object) }
}

async function metric(writer: OpenWriter, name: string): Promise<number> {
  const text = await (await fetch(`${writer.service.managementUrl}/metrics`)).text()
  return Number(new RegExp(`^freshet_${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test.each(['standalone', 'another set'] as const)(
  'W4 a set of one whose port answers as %s for a while: the writer refuses writes meanwhile, and recovers',
  async (kind) => {
    await using db = await openTestDatabase({ own: true, collections })
    const said: string[] = []
    const warn = (_fields: object, message: string): void => void said.push(message)
    await using writer = await openWriter(db.uriFor('writer'), { log: { ...silentLog, warn } })
    await writes(writer)
    const member = memberOf(db)
    await member.stop()
    {
      await using _ = await startImpostor(member.port, kind)
      await eventually(async () => expect(await writer.status()).toMatchObject({ connection: 'renewing' }))
      expect(await readyz(writer)).toEqual({ status: 200, ok: true })
      const got = await writer.send('PUT', 'products/p', { body: { name: 'x' } })
      expect(got.json).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/unavailable' })
    }
    await member.start()
    await writes(writer)
    expect(await readyz(writer)).toEqual({ status: 200, ok: true })
    await eventually(async () =>
      expect(await writer.status()).toMatchObject({ connection: 'connected', heartbeatFailing: false }),
    )
    expect(await metric(writer, 'writer_connection_renewals_total')).toBeGreaterThanOrEqual(1)
    expect(said).toContain('database connection: recreating')
  },
)

test('W4 when a set of the same name with fewer elections replaces another, the writer follows it', async () => {
  await using old = await openTestDatabase({ own: true, collections, passwords })
  for (let election = 0; election < 2; election++) await old.stepDown()
  await using writer = await openWriter(old.uriFor('writer'))
  await writes(writer)
  const { source } = await writer.status()
  const { port } = memberOf(old)
  await memberOf(old).stop()
  {
    await using _ = await openTestDatabase({ collections, passwords, port })
    await eventually(async () => expect((await writer.status())['source']).not.toBe(source))
    await writes(writer)
    expect(await writer.status()).toMatchObject({ connection: 'connected', source: expect.any(String) })
  }
  await memberOf(old).start()
  await writes(writer)
  expect(await writer.status()).toMatchObject({ connection: 'connected', source })
})
