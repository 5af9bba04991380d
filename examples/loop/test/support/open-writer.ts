import { createHmac } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineOptions, readConfig, systemClock } from '@freshet/kit'
import { serviceOptions, startService } from '@freshet/service'
import { eventually, silentLog } from '@freshet/testkit'
import { openBackend, writerOptions, writerService } from '@freshet/writer'

const secret = 'a secret of the tests that is long enough'

/** A token that may write for the handlers of these services (RFC 7519, HS256). */
export function tokenFor(...handlers: readonly string[]): string {
  const exp = Math.floor(Date.now() / 1_000) + 600
  const claims = { sub: 'tester', iss: 'freshet', aud: 'freshet', exp, freshet_handlers: handlers }
  const signed = [{ alg: 'HS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const open = { 'x-access': { read: 'public', write: 'authenticated' }, type: 'object' }

/** A writer of `orders` and `stock` on a real socket. */
export async function openWriter(
  uri: string,
  ...argv: readonly string[]
): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-loop-'))
  for (const name of ['orders', 'stock']) await writeFile(join(folder, `${name}.json`), JSON.stringify(open))
  const config = readConfig(defineOptions({ ...serviceOptions, ...writerOptions }), {
    argv: ['--port=0', '--management-port=0', '--database=shop', `--collections=${folder}`, ...argv],
    env: { FRESHET_MONGODB_URI: uri, FRESHET_TOKEN_SECRET: secret },
    readFile: () => '',
  })
  const service = await startService({
    definition: writerService({ version: '0.0.0', open: openBackend }),
    config,
    log: silentLog,
    clock: systemClock,
    signal: new AbortController().signal,
  })
  await eventually(async () => {
    const status = await (await fetch(`${service.managementUrl}/statusz`)).text()
    if (!status.includes('"source":')) throw new Error(status)
  })
  return {
    url: service.url,
    [Symbol.asyncDispose]: async () => {
      await service.stop()
      await rm(folder, { recursive: true })
    },
  }
}
