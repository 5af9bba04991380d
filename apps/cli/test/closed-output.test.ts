import { expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Program } from './support/program.ts'

/** Runs it in a pipe whose other end is closed before anything is printed, and prints its exit code. */
const intoNothing = ['bash', '-c', '"$@" | true; echo ${PIPESTATUS[0]}', 'bash']

test.each([[['--help']], [['token', '--help']]])(
  'a command ends without a word when nobody reads its output: %j',
  async (args) => {
    await using program = new Program(args, undefined, { within: intoNothing })
    expect(await program.outcome).toEqual({ code: 0, printed: '0\n', said: '' })
  },
)

test('a command that prints again and again ends when nobody reads its output', async () => {
  const service = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const { port } = service.address() as AddressInfo
  const args = ['top', `--management-urls=http://127.0.0.1:${port}`]
  await using program = new Program(args, undefined, { within: intoNothing })
  expect(await program.outcome).toMatchObject({ code: 0, said: '' })
  service.close()
})
