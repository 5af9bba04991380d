import { fieldAt, numberAt, objectIn, type ServiceFailure, type ServiceReading } from '../service-reading.ts'

/** One reader at one time. Everything else is `undefined` if it did not answer. */
export interface Row {
  readonly name: string
  readonly url: string
  readonly atMs: number
  /** Why it did not answer. */
  readonly failure: string | undefined
  readonly state: string | undefined
  readonly position: string | undefined
  readonly lagSeconds: number | undefined
  readonly ageMs: number | undefined
  /** Requests for documents per second, since the row before; since the start of the reader, unknown. */
  readonly perSecond: number | undefined
  /** The share of them that was cached, from 0 to 1; `undefined` without requests. */
  readonly hitRatio: number | undefined
  readonly entries: number | undefined
  readonly bytes: number | undefined
  readonly maxBytes: number | undefined
  /** Since the start of the reader, like the following. */
  readonly hits: number | undefined
  readonly misses: number | undefined
  readonly refills: number | undefined
  readonly resyncs: number | undefined
  /** `ok`, its fault, or the layers that are absent. */
  readonly guard: string | undefined
}

/** Makes a row of what a reader says, with rates since an earlier row. */
export function rowOf(reading: ServiceReading | ServiceFailure, atMs: number, earlier: Row | undefined): Row {
  const { name, managementUrl: url } = reading
  if ('failure' in reading) return { ...silent, name, url, atMs, failure: reading.failure }
  const { status, unready } = reading
  const role = String(status['role'])
  if (role !== 'reader') return { ...silent, name, url, atMs, failure: `a ${role}, not a reader` }
  const number = (field: string): number | undefined => numberAt(status, field)
  const [hits = 0, misses = 0] = [number('hits'), number('misses')]
  // A restart makes the counters smaller.
  const isLater = earlier?.hits !== undefined && earlier.misses !== undefined && hits >= earlier.hits
  const sinceHits = hits - (isLater ? (earlier.hits ?? 0) : 0)
  const sinceMisses = misses - (isLater ? (earlier.misses ?? 0) : 0)
  const requests = sinceHits + sinceMisses
  const { source, at } = status
  return {
    name,
    url,
    atMs,
    failure: undefined,
    state: unready ?? String(fieldAt(status, 'state', 'kind')),
    position: typeof source === 'string' && typeof at === 'string' ? `${source}.${at}` : undefined,
    lagSeconds: number('lagSeconds'),
    ageMs: number('ageMs'),
    perSecond: isLater && atMs > earlier.atMs ? (requests * 1_000) / (atMs - earlier.atMs) : undefined,
    hitRatio: requests === 0 ? undefined : sinceHits / requests,
    entries: number('entries'),
    bytes: number('bytes'),
    maxBytes: number('maxBytes'),
    hits,
    misses,
    refills: number('refills'),
    resyncs: Object.values(objectIn(status['resyncs'])).reduce<number>((sum, each) => sum + Number(each), 0),
    guard: guardOf(status),
  }
}

const silent = {
  state: undefined,
  position: undefined,
  lagSeconds: undefined,
  ageMs: undefined,
  perSecond: undefined,
  hitRatio: undefined,
  entries: undefined,
  bytes: undefined,
  maxBytes: undefined,
  hits: undefined,
  misses: undefined,
  refills: undefined,
  resyncs: undefined,
  guard: undefined,
} as const

function guardOf(status: ServiceReading['status']): string {
  const fault = fieldAt(status, 'guard', 'fault')
  if (typeof fault === 'string') return fault.split(':', 1)[0] ?? fault
  const absent = Object.entries(objectIn(fieldAt(status, 'guard', 'layers')))
    .filter(([, state]) => state !== 'standing')
    .map(([layer]) => layer)
  return absent.length === 0 ? 'ok' : `without ${absent.join(', ')}`
}

const heads = [
  'reader',
  'state',
  'position',
  'lag',
  'age',
  'req/s',
  'hits',
  'entries',
  'MiB',
  'refills',
  'resyncs',
  'guard',
]
const leftAligned: ReadonlySet<string> = new Set(['reader', 'state', 'position', 'guard'])

/** The rows as a table, cut at a width. */
export function formatRows(rows: readonly Row[], columns = Infinity): string {
  const cells = rows.map(cellsOf)
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...cells.map((row) => (row.failure ? 0 : (row.cells[at] ?? '').length))),
  )
  const nameWidth = Math.max(...cells.map(({ cells: [name = ''] }) => name.length), widths[0] ?? 0)
  widths[0] = nameWidth
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) =>
        leftAligned.has(heads[at] ?? '') ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [
    line(heads),
    ...cells.map(({ cells, failure }) =>
      failure ? `${(cells[0] ?? '').padEnd(nameWidth)}  ${failure}` : line(cells),
    ),
  ]
    .map((text) => text.slice(0, columns))
    .join('\n')
}

function cellsOf(row: Row): { readonly cells: readonly string[]; readonly failure: string | undefined } {
  const { bytes, maxBytes, ageMs, perSecond, hitRatio, lagSeconds } = row
  const cells = [
    row.name,
    row.state ?? '',
    row.position ?? '-',
    lagSeconds === undefined ? '-' : `${lagSeconds} s`,
    ageMs === undefined ? '-' : `${(ageMs / 1_000).toFixed(1)} s`,
    perSecond === undefined ? '-' : perSecond.toFixed(0),
    hitRatio === undefined ? '-' : `${(100 * hitRatio).toFixed(1)} %`,
    String(row.entries ?? '-'),
    bytes === undefined || maxBytes === undefined ? '-' : `${mib(bytes)}/${mib(maxBytes)}`,
    String(row.refills ?? '-'),
    String(row.resyncs ?? '-'),
    row.guard ?? '-',
  ]
  return { cells, failure: row.failure }
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
