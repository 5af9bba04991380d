import { ConfigError, defineOptions, helpText, readConfig, systemClock } from '@freshet/kit'
import type { ConfigOf, OptionTable } from '@freshet/kit'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import type { ServiceDefinition } from './contract.ts'
import { serviceOptions } from './options.ts'
import type { ServiceConfig } from './options.ts'
import { startService } from './running-service.ts'

/** What a service needs of its process; `process` is one. */
export interface HostProcess {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  on(event: string, listener: (reason?: unknown) => void): unknown
  exit(code: number): void
}

/** How the process ends. 78 is EX_CONFIG of sysexits.h: an orchestrator that starts it again changes nothing. */
export const exitCodes = { done: 0, failed: 1, interrupted: 130, badConfig: 78 } as const

/**
 * Runs a service for as long as its process lives: configuration, build, start, then until SIGTERM or SIGINT asks it
 * to drain. A second signal ends it at once; an error that nobody caught ends it with 1. When both ports are open one
 * line of the log has `"msg":"listening"`, `url` and `managementUrl`, whatever the log level.
 */
export async function runService<Options extends OptionTable>(
  definition: ServiceDefinition<Options>,
  host: HostProcess,
): Promise<void> {
  const argv = host.argv.slice(2)
  const options = defineOptions({ ...serviceOptions, ...definition.options })
  if (argv.includes('--help')) {
    host.stdout.write(`${definition.says}\n\n${helpText(options)}`)
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
  // The table is the sum of both, which the compiler does not see through.
  const config = readConfig<OptionTable>(options, {
    argv,
    env: host.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  }) as ConfigOf<Options> & ServiceConfig
  const log = pino({ level: config.logLevel, base: { role: definition.role } }, host.stdout)
  for (const event of ['uncaughtException', 'unhandledRejection'])
    host.on(event, (err) => {
      log.fatal({ err, event }, 'ended by an error that nobody caught')
      host.exit(exitCodes.failed)
    })
  const asked = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'])
    host.on(signal, () => {
      if (asked.signal.aborted) return host.exit(exitCodes.interrupted)
      log.info({ signal }, 'stopping')
      asked.abort()
    })
  const service = await startService({ definition, config, log, clock: systemClock, signal: asked.signal })
  if (!asked.signal.aborted) {
    const { url, managementUrl } = service
    log.child({}, { level: 'info' }).info({ url, managementUrl }, 'listening')
    await once(asked.signal, 'abort')
  }
  await service.stop()
  log.info('stopped')
  host.exit(exitCodes.done)
}
