/** The delivery service itself, started as by its program. */
import { defineOptions, readConfig, systemClock } from '@freshet/kit'
import { deliveryService, deliveryServiceOptions, openBackend } from '@freshet/delivery'
import { serviceOptions, startService } from '@freshet/service'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerQuestions } from './server.ts'
import { secret } from '../shared/tokens.ts'
import { database } from './world.ts'

const [uri = ''] = process.argv.slice(2)
const silent = (): void => undefined

answerQuestions(async () => {
  const service = await startService({
    definition: deliveryService({ version: '0.0.0', open: openBackend }),
    config: readConfig(defineOptions({ ...serviceOptions, ...deliveryServiceOptions }), {
      // No writer sends heartbeats, and clients that were cut may not be forgotten before they are back.
      argv: [
        '--port=0',
        '--management-port=0',
        `--database=${database}`,
        '--alive-within=1h',
        '--max-connections=20000',
      ],
      env: { FRESHET_TOKEN_SECRET: secret, FRESHET_MONGODB_URI: uri },
      readFile: () => '',
    }),
    log: { debug: silent, info: silent, warn: silent, error: console.error },
    clock: systemClock,
    signal: new AbortController().signal,
  })
  while ((await fetch(`${service.managementUrl}/readyz`)).status !== 200) await sleep(20)
  return Number(new URL(service.url).port)
})
