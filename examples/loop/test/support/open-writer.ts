import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineOptions, readConfig, systemClock } from '@freshet/kit'
import { serviceOptions, startService } from '@freshet/service'
import { eventually, silentLog } from '@freshet/testkit'
import { openGround, writerOptions, writerService } from '@freshet/writer'

const open = { 'x-access': { read: 'public', write: 'public' }, type: 'object' }

/** A writer of `orders` and `stock` on a real socket, for whoever comes. */
export async function openWriter(
  uri: string,
  ...argv: readonly string[]
): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-loop-'))
  for (const name of ['orders', 'stock']) await writeFile(join(folder, `${name}.json`), JSON.stringify(open))
  const config = readConfig(defineOptions({ ...serviceOptions, ...writerOptions }), {
    argv: ['--port=0', '--management-port=0', '--database=shop', `--collections=${folder}`, ...argv],
    env: { FRESHET_MONGODB_URI: uri, FRESHET_TOKEN_SECRET: 'a secret of the tests that is long enough' },
    readFile: () => '',
  })
  const service = await startService({
    definition: writerService({ version: '0.0.0', open: openGround }),
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
