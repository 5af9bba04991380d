import { expect, test } from '@jest/globals'
import { devLineOf } from './support/dev-line.ts'
import { Program } from './support/program.ts'

const page = 'http://localhost:3000'

test('writer and readers listen on --host, allow --cors-origins, and are reachable locally', async () => {
  const args = ['dev', '--json', '--port=0', '--ephemeral', '--readers=1', '--host=0.0.0.0']
  await using dev = new Program([...args, `--cors-origins=${page}`])
  const { writer, readers, management } = devLineOf(await dev.json())
  for (const url of [writer, ...readers, management.writer, ...management.readers])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  for (const url of [writer, ...readers]) {
    // Another address of this machine, as other machines would use it.
    const asked = `${url.replace('127.0.0.1', '127.0.0.9')}/v1/products/lamp-oak`
    const preflight = { origin: page, 'access-control-request-method': 'GET' }
    const { status, headers } = await fetch(asked, { method: 'OPTIONS', headers: preflight })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([204, page])
  }
  // Health, metrics and the database stay on 127.0.0.1.
  await expect(fetch(`${management.writer.replace('127.0.0.1', '127.0.0.9')}/livez`)).rejects.toThrow()
})
