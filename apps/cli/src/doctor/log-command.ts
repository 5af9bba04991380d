import { defineOptions, flag, ms, secret, systemClock } from '@freshet/kit'
import type { LogExamination } from '@freshet/change-stream-log'
import { defineCommand } from '../command.ts'
import { CliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'

const options = defineOptions({
  logUri: secret('log-uri', undefined, 'The log: kafka://host:9092/topic or nats://host:4222/stream.'),
  beatWithinMs: ms('log-heartbeat-within', 10_000, 'As for readers: how old the latest record may be.'),
  json: flag('json', 'Prints one JSON line.'),
})

/** `freshet doctor log`: reads a log of Debezium to its end, and reports which setting is missing. Exit code 78 if one is. */
export const doctorLogCommand = defineCommand({
  name: 'doctor log',
  summary: 'Reads a log of Debezium to its end, and reports which setting is missing.',
  options,
  exits: {
    [exitCodes.done]: 'A reader can follow the log.',
    [exitCodes.failed]: 'Failure; the message says why.',
    [exitCodes.unavailable]: 'The log does not answer.',
    [exitCodes.badConfig]: 'A setting is missing, or an option, a file or the address is invalid.',
  },
  async run({ logUri, beatWithinMs, json }, context) {
    const { examineLog, openLog, parseLogAddress } = await import('@freshet/change-stream-log')
    const { ChangeStreamError } = await import('@freshet/change-stream')
    const address = logUri === undefined ? undefined : parseLogAddress(logUri)
    if (address === undefined)
      throw new CliError('BAD_LOG', 'expected kafka://host:9092/topic or nats://host:4222/stream.')
    const transport = openLog(address, systemClock)
    try {
      const found = await examineLog(
        transport,
        () => systemClock.wallMs(),
        beatWithinMs,
        new AbortController().signal,
      )
      context.print(json ? JSON.stringify(found) : asText(found))
      return found.findings.every(({ stands }) => stands) ? exitCodes.done : exitCodes.badConfig
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      context.say(`freshet doctor log: ${error.message}`)
      return error.retry ? exitCodes.unavailable : exitCodes.badConfig
    } finally {
      await transport.close()
    }
  },
})

function asText({ records, findings, tables }: LogExamination): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  return [
    `${records} records`,
    ...findings.flatMap(({ remedy }) => (remedy === undefined ? [] : [`To do: ${remedy}`])),
    '',
    ...findings.map(
      ({ name, stands, seen }) => `${stands ? 'ok     ' : 'MISSING'}  ${name.padEnd(width)}  ${seen}`,
    ),
    '',
    ...tables.map(({ name, records: count, keyColumns, sample }) =>
      [`${name}: ${count} records, key ${keyColumns.join(', ')}`, ...(sample ? [`  ${sample}`] : [])].join(
        '\n',
      ),
    ),
  ].join('\n')
}
