/** The writer itself, started as by its program. */
import { defineOptions, readConfig, systemClock } from '@freshet/kit'
import { serviceOptions, startService } from '@freshet/service'
import { openBackend, writerOptions, writerService } from '@freshet/writer'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { collection, collectionFile, secret } from './world.ts'

const [uri = ''] = process.argv.slice(2)
const silent = (): void => undefined

async function listen(): Promise<object> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-bench-'))
  await writeFile(join(folder, `${collection}.json`), JSON.stringify(collectionFile))
  const service = await startService({
    definition: writerService({ version: '0.0.0', open: openBackend }),
    config: readConfig(defineOptions({ ...serviceOptions, ...writerOptions }), {
      argv: ['--port=0', '--management-port=0', '--database=shop', `--collections=${folder}`],
      env: { FRESHET_TOKEN_SECRET: secret, FRESHET_MONGODB_URI: uri },
      readFile: () => '',
    }),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    clock: systemClock,
    signal: new AbortController().signal,
  })
  while ((await fetch(`${service.managementUrl}/readyz`)).status !== 200) await sleep(20)
  return { port: Number(new URL(service.url).port) }
}

process.on('message', (question: { readonly listen?: boolean }) => {
  if (question.listen) void listen().then((answer) => process.send?.(answer))
  else process.send?.(process.cpuUsage())
})
