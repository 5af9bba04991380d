import type { ChaosReport } from './chaos.ts'

/** The report in lines for people. */
export function describeReport(report: ChaosReport): string {
  const { faults, stored, lostByWriter, delivered, repeats, recoveries, gaps, disturbances } = report
  return [
    `${stored} messages stored, ${delivered} delivered, ${repeats} repeated, ${recoveries} recoveries, ${gaps} gaps told`,
    `disturbances: ${Object.entries(disturbances)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', ')}`,
    ...lostByWriter.map((id) => `FAULT: the message ${id} was acknowledged and is not stored`),
    ...[...faults].map(
      ([user, found]) =>
        `FAULT: user ${user}: ${[...found].map(([fault, example]) => `${fault} (${example})`).join(', ')}`,
    ),
  ].join('\n')
}

/** What happened to the connections of users with faults, a line each. */
export function describeTraces({ traces }: ChaosReport): string {
  return [...traces].flatMap(([user, lines]) => lines.map((line) => `user ${user}: ${line}\n`)).join('')
}
