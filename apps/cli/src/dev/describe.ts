import type { RunningDev } from './running.ts'

/** The run for programs (one JSON line, keys as documented) and for people. */
export function describe(running: RunningDev): { readonly json: string; readonly text: string } {
  const { writer, readers, mongodb, database, token } = running
  const json = JSON.stringify({
    ready: true,
    writer: writer.url,
    readers: readers.map(({ url }) => url),
    management: { writer: writer.managementUrl, readers: readers.map(({ managementUrl }) => managementUrl) },
    mongodb,
    database,
    token,
  })
  const rows = [
    ['writer', writer.url, `metrics and health: ${writer.managementUrl}/statusz`],
    ...readers.map(({ url, managementUrl }, at) => [
      `reader ${at + 1}`,
      url,
      `metrics and health: ${managementUrl}/statusz`,
    ]),
    ['MongoDB', mongodb, `database ${database}`],
    ['token', token, ''],
  ]
  const lines = rows.map(([name = '', door = '', note = '']) =>
    `${name.padEnd(10)} ${door}  ${note}`.trimEnd(),
  )
  return { json, text: `${lines.join('\n')}\n\nAll is ready. Ctrl-C ends it.` }
}
