import type { HandlerStatus } from './contract.ts'

/** One value for each handler, or for each handler and reason. */
interface Metric {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly values: (status: HandlerStatus) => number | Readonly<Record<string, number>>
}

const metrics: Readonly<Record<string, Metric>> = {
  freshet_handler_heard_total: {
    type: 'counter',
    help: 'Changes that a handler received.',
    values: ({ heard }) => heard,
  },
  freshet_handler_failed_total: {
    type: 'counter',
    help: 'Calls of a handler that ended with an error.',
    values: ({ failed }) => failed,
  },
  freshet_handler_resets_total: {
    type: 'counter',
    help: 'Resets of a handler, because it may have missed changes.',
    values: ({ resets }) => resets,
  },
  freshet_handler_writes_total: {
    type: 'counter',
    help: 'Attempts of a handler to write, with a watched client or its fetch.',
    values: ({ writes }) => writes,
  },
  freshet_handler_refusals_total: {
    type: 'counter',
    help: 'Writes of a handler that were refused before they were sent.',
    values: ({ refusals }) => refusals,
  },
  freshet_handler_unseen_starts_total: {
    type: 'counter',
    help: 'Processes and threads that a handler started; their writes are not observed.',
    values: ({ unseenStarts }) => unseenStarts,
  },
  freshet_handler_open_breakers: {
    type: 'gauge',
    help: 'Open breakers of a handler.',
    values: ({ openBreakers }) => openBreakers,
  },
}

/**
 * Handler metrics in Prometheus text format (`text/plain; version=0.0.4`), with the labels `handler` and `reason`. Can
 * be appended to another library's output: the names are unique.
 */
export function handlerMetrics(statuses: readonly HandlerStatus[]): string {
  const lines = Object.entries(metrics).flatMap(([name, { type, help, values }]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...statuses.flatMap((status) => samplesOf(name, status.handler, values(status))),
  ])
  return `${lines.join('\n')}\n`
}

/** Names of handlers and reasons never need escaping. */
function samplesOf(
  name: string,
  handler: string,
  values: number | Readonly<Record<string, number>>,
): readonly string[] {
  if (typeof values === 'number') return [`${name}{handler="${handler}"} ${values}`]
  return Object.entries(values).map(
    ([reason, value]) => `${name}{handler="${handler}",reason="${reason}"} ${value}`,
  )
}
