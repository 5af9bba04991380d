/** `npm run chaos -- --seconds=300 --instances=3 --seed=1` */
import { parseArgs } from 'node:util'
import { seededRandom } from '@freshet/testkit'
import { openSystem } from '../support/system.ts'
import { CHAOS_ARGS, runChaos } from './chaos.ts'
import { describeReport, describeTraces } from './report.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    instances: { type: 'string', default: '3' },
    seed: { type: 'string' },
  },
})
const random = seededRandom(values.seed === undefined ? undefined : Number(values.seed))
await using system = await openSystem({ nodes: 3, deliveries: Number(values.instances), args: CHAOS_ARGS })
const report = await runChaos({ system, random, seconds: Number(values.seconds) })
process.stdout.write(`${describeReport(report)}\n${describeTraces(report)}`)
process.exitCode = report.faults.size === 0 && report.lostByWriter.length === 0 ? 0 : 1
