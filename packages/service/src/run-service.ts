import { ConfigError, defineOptions, helpText, readConfig, systemClock } from '@freshet/kit'
import type { ConfigOf, OptionTable } from '@freshet/kit'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import type { ServiceDefinition } from './contract.ts'
import { serviceOptions } from './options.ts'
import type { ServiceConfig } from './options.ts'
import { startService } from './running-service.ts'

/** The parts of `process` that a service uses. */
export interface HostProcess {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  on(event: string, listener: (reason?: unknown) => void): unknown
  exit(code: number): void
}

/** Exit codes. 78 is EX_CONFIG of sysexits.h: a restart will not help. */
export const exitCodes = { done: 0, failed: 1, interrupted: 130, badConfig: 78 } as const

/**
 * Runs a service for the life of the process: reads the configuration, builds, starts, and drains on SIGTERM or SIGINT.
 * A second signal exits at once; an uncaught error exits with 1. When both ports are open it logs one line with
 * `"msg":"listening"`, `url` and `managementUrl`, at every log level.
 */
export async function runService<Options extends OptionTable>(
  definition: ServiceDefinition<Options>,
  host: HostProcess,
): Promise<void> {
  const argv = host.argv.slice(2)
  const options = defineOptions({ ...serviceOptions, ...definition.options })
  if (argv.includes('--help')) {
    host.stdout.write(`${definition.description}\n\n${helpText(options)}`)
    return host.exit(exitCodes.done)
  }
  try {
    await run(definition, host, { argv, options })
  } catch (error) {
    const message = error instanceof ConfigError ? error.message : String(error)
    host.stderr.write(`freshet ${definition.role}: ${message}\n`)
    host.exit(error instanceof ConfigError ? exitCodes.badConfig : exitCodes.failed)
  }
}

async function run<Options extends OptionTable>(
  definition: ServiceDefinition<Options>,
  host: HostProcess,
  { argv, options }: { argv: readonly string[]; options: typeof serviceOptions & Options },
): Promise<void> {
  // The compiler cannot see that the table combines both.
  const config = readConfig<OptionTable>(options, {
    argv,
    env: host.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  }) as ConfigOf<Options> & ServiceConfig
  const log = pino({ level: config.logLevel, base: { role: definition.role } }, host.stdout)
  for (const event of ['uncaughtException', 'unhandledRejection'])
    host.on(event, (err) => {
      log.fatal({ err, event }, 'uncaught error')
      host.exit(exitCodes.failed)
    })
  const shutdown = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'])
    host.on(signal, () => {
      if (shutdown.signal.aborted) return host.exit(exitCodes.interrupted)
      log.info({ signal }, 'stopping')
      shutdown.abort()
    })
  const service = await startService({ definition, config, log, clock: systemClock, signal: shutdown.signal })
  if (!shutdown.signal.aborted) {
    const { url, managementUrl } = service
    log.child({}, { level: 'info' }).info({ url, managementUrl }, 'listening')
    await once(shutdown.signal, 'abort')
  }
  await service.stop()
  log.info('stopped')
  host.exit(exitCodes.done)
}
