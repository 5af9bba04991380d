/**
 * What do reads, writes and following cost beside servers written by hand? Alternating rounds in one run, CPU time of the server
 * and of MongoDB per operation, one table. `--only=get,post` runs some parts, `--rounds=3` makes it
 * shorter, `--profiles=DIRECTORY` writes a CPU profile of each process. `npm run --prefix benches peers`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { comparedFeeds } from './peers/feed.ts'
import { comparedGets } from './peers/get.ts'
import { updatedInPlace } from './peers/hot.ts'
import { comparedPosts } from './peers/post.ts'
import type { Row } from './peers/rounds.ts'
import { comparedStreams } from './peers/stream.ts'
import { printMachine } from './shared/figures.ts'

/** The rows of another benchmark, which needs options of Node.js. */
async function rowsOf(
  file: string,
  flags: readonly string[],
  words: readonly string[] = [],
): Promise<readonly Row[]> {
  const child = fork(join(import.meta.dirname, file), words, {
    execArgv: [...process.execArgv, '--expose-gc', ...flags],
  })
  const ended = new AbortController()
  child.once('exit', () => ended.abort())
  const [rows] = (await once(child, 'message', { signal: ended.signal })) as [readonly Row[]]
  return rows
}

const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  get: comparedGets,
  post: comparedPosts,
  feed: comparedFeeds,
  stream: comparedStreams,
  hot: updatedInPlace,
  memory: async () => [
    ...(await rowsOf('memory.ts', ['--max-old-space-size=4096'])),
    ...(await rowsOf('bounded.ts', ['--max-old-space-size=747'], ['512'])),
  ],
}

const only = process.argv.find((word) => word.startsWith('--only='))?.slice('--only='.length)
const names = only === undefined ? Object.keys(parts) : only.split(',')
const unknown = names.filter((name) => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`no part ${unknown.join()}: choose from ${Object.keys(parts).join()}`)

const rows: Row[] = []
for (const name of names) {
  const beganMs = performance.now()
  rows.push(...((await parts[name]?.()) ?? []))
  console.log(`${name} took ${((performance.now() - beganMs) / 1_000).toFixed(0)} s`)
}

printMachine()
const titles = ['part', 'contestant', 'seen', 'MongoDB', "Freshet's / this", 'wanted']
const cells = [
  titles,
  ...rows.map((row) => [row.part, row.contestant, row.seen, row.mongodb, row.ratio, row.wanted]),
]
const widths = titles.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)))
for (const [index, line] of cells.entries()) {
  console.log(`| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`)
  if (index === 0) console.log(`| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
}
