import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import type { Document } from 'mongodb'
import { devLineOf } from './support/dev-line.ts'
import { Program } from './support/program.ts'

interface Stored extends Document {
  readonly _id: string
}

const open = { 'x-access': { read: 'public', write: 'public' }, type: 'object' }

test('collections of another program are served under other names: read, written, followed, audited', async () => {
  await using db = await openTestDatabase()
  const given = db.admin.db('given')
  const profiles = given.collection<Stored>('userProfiles')
  await profiles.insertMany(Array.from({ length: 20 }, (_, n) => ({ _id: `u${n}`, name: `User ${n}` })))
  const folder = mkdtempSync(join(tmpdir(), 'freshet-files-'))
  writeFileSync(join(folder, 'profiles.json'), JSON.stringify({ ...open, 'x-collection': 'userProfiles' }))
  writeFileSync(join(folder, 'files.json'), JSON.stringify({ ...open, 'x-collection': 'fs.files' }))
  writeFileSync(join(folder, 'things.json'), JSON.stringify({ ...open, 'x-id': 'uuid' }))
  try {
    const args = [
      'dev',
      '--json',
      '--port=0',
      '--readers=1',
      '--deliveries=0',
      '--database=given',
      `--db=${db.adminUri}`,
    ]
    await using dev = new Program([...args, `--collections=${folder}`])
    const { writer, readers } = devLineOf(await dev.json())
    const [reader = ''] = readers
    const read = async (path: string, position?: string | null): Promise<unknown> => {
      const headers = { 'freshet-at-least': position ?? 'now', prefer: 'wait=10' }
      const answer = await fetch(`${reader}/v1/${path}`, { headers })
      return [answer.status, ((await answer.json()) as { name?: string }).name]
    }
    expect(await read('profiles/u1')).toEqual([200, 'User 1'])
    await profiles.updateOne({ _id: 'u1' }, { $set: { name: 'Ada' } })
    expect(await read('profiles/u1')).toEqual([200, 'Ada'])
    // By every kind of write: whole, plain, conditional, new, deleted.
    const write = async (method: string, path: string, body: object, headers = {}): Promise<Response> =>
      fetch(`${writer}/v1/${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    const put = await write('PUT', 'profiles/u2', { name: 'Bob' })
    expect(put.status).toBe(200)
    const merge = {
      'content-type': 'application/merge-patch+json',
      'if-match': put.headers.get('etag') ?? '',
    }
    const patched = await write('PATCH', 'profiles/u2', { name: 'Bea' }, merge)
    expect(await read('profiles/u2', patched.headers.get('freshet-position'))).toEqual([200, 'Bea'])
    const posted = await write('POST', 'files', { id: 'f', name: 'a.txt' })
    expect([posted.status, posted.headers.get('location')]).toEqual([201, '/v1/files/f'])
    expect(await read('files/f', posted.headers.get('freshet-position'))).toEqual([200, 'a.txt'])
    const gone = await fetch(`${writer}/v1/profiles/u3`, { method: 'DELETE' })
    expect(await read('profiles/u3', gone.headers.get('freshet-position'))).toEqual([404, undefined])
    expect(await profiles.findOne({ _id: 'u2' })).toEqual({ _id: 'u2', name: 'Bea' })
    expect(await given.collection<Stored>('fs.files').findOne({ _id: 'f' })).toEqual({
      _id: 'f',
      name: 'a.txt',
    })
    expect((await fetch(`${reader}/v1/userProfiles/u1`)).status).toBe(404)
    // One rule for ids on both sides, with the same message.
    const upper = 'things/01890A5D-AC96-774B-BCCE-B302099A8057'
    const refused = async (answer: Response): Promise<unknown> => {
      const { detail } = (await answer.json()) as { detail: string }
      return [answer.status, detail, answer.headers.get('freshet-position')]
    }
    const said = [400, expect.stringMatching(/^Expected a UUID in lower case/), null]
    expect(await refused(await fetch(`${reader}/v1/${upper}`))).toEqual(said)
    expect(await refused(await fetch(`${reader}/v1/things?ids=${upper.slice(7)}`))).toEqual(said)
    expect(await refused(await write('PUT', upper, {}))).toEqual(said)
    // Names in URLs created nothing in the database.
    const names = (await given.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name)
    expect(names.filter((name) => ['profiles', 'files'].includes(name))).toEqual([])
    await using audit = new Program(['audit', '--for=4s', '--json'], dev.cwd)
    const { code, printed } = await audit.outcome
    expect({ code, wrong: (JSON.parse(printed) as { wrong: number }).wrong }).toEqual({ code: 0, wrong: 0 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
