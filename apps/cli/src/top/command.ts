import { defineOptions, flag, ms } from '@freshet/kit'
import { defineCommand } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { managementUrls, readerTargets } from '../reader-targets.ts'
import { readService } from '../service-reading.ts'
import { formatRows, rowOf, type Row } from './rows.ts'

const options = defineOptions({
  managementUrls,
  intervalMs: ms('interval', 1_000, 'How often the readers are asked.', { min: 100 }),
  once: flag('once', 'Prints one table and ends; the hit ratio is that since the start of each reader.'),
  json: flag('json', 'Prints one JSON line each time.'),
})

const answerWithinMs = 5_000
/** https://en.wikipedia.org/wiki/ANSI_escape_code#CSI_sequences */
const homeAndClear = '\u001B[H\u001B[J'

/** `freshet top`: what all readers do, until Ctrl-C. */
export const topCommand = defineCommand({
  name: 'top',
  summary:
    'Shows all readers side by side: position, lag, hit ratio, entries, bytes, refills, resyncs, guard.',
  options,
  exits: {
    [exitCodes.done]: 'Ended by Ctrl-C, or with --once: every reader answered.',
    [exitCodes.failed]: 'With --once: a reader did not answer.',
    [exitCodes.badConfig]: 'An option is invalid, or there are no readers.',
  },
  async run({ intervalMs, once, json, ...provided }, context) {
    const { clock, print, stopped, columns } = context
    const { readers } = readerTargets(provided, context)
    let earlier: ReadonlyMap<string, Row> = new Map()
    while (!stopped.aborted) {
      const readings = await Promise.all(readers.map((reader) => readService(reader, clock, answerWithinMs)))
      const nowMs = clock.wallMs()
      const rows = readings.map((reading) => rowOf(reading, nowMs, earlier.get(reading.name)))
      earlier = new Map(rows.map((row) => [row.name, row]))
      if (json) print(JSON.stringify({ at: new Date(nowMs).toISOString(), readers: rows }))
      else if (once || columns === undefined) print(formatRows(rows))
      else print(homeAndClear + formatRows(rows, columns))
      if (once) return rows.every(({ failure }) => failure === undefined) ? exitCodes.done : exitCodes.failed
      await clock.sleep(intervalMs, stopped)
    }
    return exitCodes.done
  },
})
