/**
 * How many readers a load needs, from the figures in benches/README.md. Prints the answer. `--write` makes the tables of
 * docs/sizing.md, `--check` compares them. Plain JavaScript, so that it runs in a fresh clone: node scripts/sizing.mjs --gets=5000 --changes=300
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')
const benches = join(root, 'benches/README.md')
const page = join(root, 'docs/sizing.md')

/** What one processor may be used for, so that a failed pod's load and a peak fit into the others. */
const utilization = 0.6

/** Where each figure is: the text of a row in benches/README.md, with the number in the first group. `perS`: work per CPU second. */
const sources = {
  getUs: {
    what: 'GET, cached',
    row: /^\| GET, hit +\| reader +\| ([\d,.]+) us/m,
    unit: 'us of CPU',
    otherwise: 17.6,
  },
  missDatabaseUs: {
    what: 'GET, not cached, in the reader’s client of the database',
    row: /^\| guard-read +\|.*\(([\d,.]+) us\) +\| at most/m,
    unit: 'us of CPU',
  },
  writeUs: {
    what: 'POST, in the writer',
    row: /^\| POST of 870 B +\| writer +\| ([\d,.]+) us/m,
    unit: 'us of CPU',
  },
  writeDatabaseUs: {
    what: 'POST, in the database',
    row: /^\| POST of 870 B +\| writer +\| [\d,.]+ us +\| ([\d,.]+) us/m,
    unit: 'us of CPU',
  },
  changeUs: {
    what: 'change, in each reader',
    row: /^\| 300 events\/s +\| reader +\| ([\d,.]+) us per event/m,
    unit: 'us of CPU',
  },
  changeDatabaseUs: {
    what: 'change, in the database, for each reader',
    row: /^\| 300 events\/s +\| reader +\| [^|]+\| \+ ([\d,.]+) us/m,
    unit: 'us of CPU',
  },
  burstPerS: {
    what: 'changes in a row, in each reader',
    row: /^\| apply, raw events, cached +\| ([\d,.]+)k/m,
    unit: 'thousand per CPU second',
  },
  entryBytes: {
    what: 'cached document, besides itself',
    row: /the budget counts document \+ ([\d,.]+) B/,
    unit: 'bytes',
  },
  deliveredPerS: {
    what: 'messages to clients, in a delivery',
    row: /^\| delivery-fanout, one at a time +\| ([\d,.]+)k/m,
    unit: 'thousand per CPU second',
  },
  connectMs: {
    what: 'connect of a client, in a delivery',
    row: /^\| delivery-idle, connect +\| ([\d,.]+) ms/m,
    unit: 'ms of CPU',
  },
  userKb: {
    what: 'connected user, in a delivery',
    row: /^\| delivery-idle, memory +\| ([\d,.]+) KB/m,
    unit: 'KB',
  },
}

/** The figures in the text of benches/README.md. @throws {Error} a row is missing. */
function figuresIn(text) {
  return Object.fromEntries(
    Object.entries(sources).map(([name, { row, otherwise }]) => {
      const found = row.exec(text)?.[1]?.replaceAll(',', '') ?? otherwise
      if (found === undefined) throw new Error(`expected a row ${row} in benches/README.md`)
      return [name, Number(found)]
    }),
  )
}

/**
 * How many readers serve this many GETs of cached documents a second while this many changes a second arrive, one of which may fail.
 * `undefined`: the changes alone take more than a reader may use, unless they arrive in bursts.
 */
function readersFor({ gets, changes }, { getUs, changeUs, changeDatabaseUs }) {
  const forGetsUs = utilization * 1e6 - changes * changeUs
  if (forGetsUs <= 0) return undefined
  const readers = Math.max(2, Math.ceil((gets * getUs) / forGetsUs) + 1)
  return { readers, databaseCores: (readers * changes * changeDatabaseUs) / 1e6 }
}

const loads = [
  [1_000, 10],
  [10_000, 10],
  [10_000, 100],
  [50_000, 100],
  [100_000, 100],
  [100_000, 300],
  [100_000, 1_000],
]

const table = (rows) => rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
const number = (value) => value.toLocaleString('en-US')

/** The two tables of the page. */
function tablesOf(figures) {
  const costs = Object.entries(sources).map(([name, { what, unit, otherwise }]) => [
    what,
    `${number(figures[name])} ${unit}${otherwise === figures[name] ? ' (2026-11-25, to be taken again)' : ''}`,
  ])
  const examples = loads.map(([gets, changes]) => {
    const found = readersFor({ gets, changes }, figures)
    const answer = found ? [number(found.readers), found.databaseCores.toFixed(2)] : ['bursts only', '']
    return [number(gets), number(changes), ...answer]
  })
  return {
    costs: table([['one', 'costs'], ['---', '---'], ...costs]),
    examples: table([
      ['GETs per second', 'changes per second', 'readers', 'cores of the database for all readers'],
      ['---', '---', '---', '---'],
      ...examples,
    ]),
  }
}

/** The page with tables that match the figures. */
function pageWith(text, figures) {
  let result = text
  for (const [name, content] of Object.entries(tablesOf(figures)))
    result = result.replace(
      new RegExp(`(<!-- ${name}: [^>]*-->\\n\\n)[^]*?(\\n\\n<!-- end -->)`),
      (_, before, after) => before + content + after,
    )
  return result
}

/** Prettier aligns tables. */
const unaligned = (text) => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')

const usage = `node scripts/sizing.mjs [options]
  --gets=N     GETs of cached documents per second. (default 1000)
  --changes=N  Changes per second. (default 10)
  --write      Makes the tables of docs/sizing.md.
  --check      Compares them.
`

function options() {
  const number = (name, text) => {
    if (!/^\d+$/.test(text)) throw new Error(`--${name} is ${JSON.stringify(text)}; expected a whole number.`)
    return Number(text)
  }
  try {
    const { values } = parseArgs({
      options: {
        gets: { type: 'string', default: '1000' },
        changes: { type: 'string', default: '10' },
        write: { type: 'boolean' },
        check: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    return { ...values, gets: number('gets', values.gets), changes: number('changes', values.changes) }
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exit(1)
  }
}

const values = options()
const figures = figuresIn(readFileSync(benches, 'utf8'))
const current = readFileSync(page, 'utf8')
const wanted = pageWith(current, figures)
if (values.help) {
  process.stdout.write(usage)
} else if (values.write) {
  writeFileSync(page, wanted)
} else if (values.check) {
  if (unaligned(current) !== unaligned(wanted)) {
    process.stderr.write(
      'docs/sizing.md does not match the figures in benches/README.md: run node scripts/sizing.mjs --write, then npm run format.\n',
    )
    process.exitCode = 1
  }
} else {
  const { gets, changes } = values
  const found = readersFor({ gets, changes }, figures)
  process.stdout.write(
    `${number(gets)} GETs and ${number(changes)} changes per second: ${
      found
        ? `${found.readers} readers, and ${found.databaseCores.toFixed(2)} cores of the database for their change streams`
        : 'the changes alone take more than a reader may use, unless they arrive in bursts: see docs/sizing.md'
    }\n`,
  )
}
