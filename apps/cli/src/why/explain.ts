import { highOf, formatSourcePosition } from '@freshet/protocol'
import type { View } from './views.ts'

/** What the views say together. */
export interface Explanation {
  /**
   * - `same`: all that answered give the same.
   * - `passing`: they differ, and are at different positions.
   * - `wrong`: they differ at the same position, or follow different histories.
   * - `silent`: a reader did not answer.
   */
  readonly kind: 'same' | 'passing' | 'wrong' | 'silent'
  readonly sentence: string
}

/** Says in plain words why readers give the same or different answers. */
export function explain(views: readonly View[]): Explanation {
  const answered = views.filter(({ failure }) => failure === undefined)
  const silent = views.filter(({ failure }) => failure !== undefined)
  const missing = silent
    .map(({ name, failure = '' }) => ` ${name} did not return the document: ${failure}.`)
    .join('')
  const { kind, sentence } = explainAnswers(answered, silent.length === 0)
  if (silent.length === 0) return { kind, sentence }
  return { kind: kind === 'same' ? 'silent' : kind, sentence: `${sentence}${missing}`.trim() }
}

function explainAnswers(views: readonly View[], isComplete: boolean): Explanation {
  const [first] = views
  if (first === undefined) return { kind: 'silent', sentence: '' }
  const sources = groupsOf(views, ({ at }) => at?.source ?? 'none yet')
  if (sources.size > 1)
    return {
      kind: 'wrong',
      sentence: `The readers follow different histories (${listed(sources)}): one is connected to another database, or has not noticed a restore yet. Compare "source" in /statusz.`,
    }
  const known = views.filter((view) => factOf(view) !== undefined)
  const facts = groupsOf(known, (view) => factOf(view) ?? '')
  if (facts.size === 0)
    return {
      kind: 'same',
      sentence:
        'No reader has it cached: the next request reads the database, at the position of the reader.',
    }
  const positions = groupsOf(known, ({ at }) => at?.at ?? '')
  const apart =
    positions.size === 1
      ? 'All are at the same position.'
      : `Their positions are ${spreadS(known)} s apart, which does not matter for this document.`
  const uncached = views.filter((view) => factOf(view) === undefined).map(({ name }) => name)
  const rest =
    uncached.length === 0
      ? ''
      : ` ${uncached.join(', ')}: not cached, so the next request reads the database.`
  if (facts.size === 1) {
    const [fact] = facts.keys()
    const what = fact === 'absent' ? 'say that there is no such document' : 'give the same document'
    const who =
      known.length === 1
        ? `Only ${known[0]?.name} has an answer.`
        : `${isComplete && uncached.length === 0 ? 'All readers' : 'All readers that have an answer'} ${what}. ${apart}`
    return { kind: 'same', sentence: `${who}${rest}` }
  }
  const clash = [...positions.values()].find(
    (group) => groupsOf(group, (view) => factOf(view) ?? '').size > 1,
  )
  if (clash !== undefined)
    return {
      kind: 'wrong',
      sentence: `${clash.map(({ name }) => name).join(' and ')} give different documents at the same position, which must never happen. Run \`freshet audit\` to see which one is wrong, and restart that one: its cache starts empty.`,
    }
  const ordered = known.toSorted((one, other) => ((one.at?.at ?? '') < (other.at?.at ?? '') ? -1 : 1))
  const [last] = ordered.slice(-1)
  const behind = ordered
    .filter((view) => last !== undefined && factOf(view) !== factOf(last))
    .map(({ name }) => name)
  return {
    kind: 'passing',
    sentence: `The document changed between the positions of the readers: ${behind.join(' and ')} had not seen the change that ${last?.name} had (${spreadS(known)} s apart). Each answer is right at its position.${rest}`,
  }
}

/** The sentence about a second look, in which all readers were asked for the position of the first one. */
export function explainAgain(before: Explanation, after: Explanation): Explanation {
  if (before.kind !== 'passing') return before
  if (after.kind === 'same')
    return {
      kind: 'same',
      sentence: `${before.sentence} Asked again at the latest of these positions, all give the same.`,
    }
  return {
    kind: after.kind,
    sentence: `${before.sentence} Asked again at the latest of these positions: ${after.sentence} See lagSeconds and brokenBy in /statusz of the readers that are behind.`,
  }
}

/** What a view states about the document; `undefined`: nothing. */
function factOf({ status, held, etag }: View): string | undefined {
  if (status === 404 || (status === undefined && held === 'absence')) return 'absent'
  return etag
}

/** By how much their positions differ, in whole seconds. */
function spreadS(views: readonly View[]): number {
  const seconds = views.flatMap(({ at }) => (at === undefined ? [] : [highOf(at.at)]))
  return seconds.length === 0 ? 0 : Math.max(...seconds) - Math.min(...seconds)
}

function groupsOf(
  views: readonly View[],
  keyOf: (view: View) => string,
): ReadonlyMap<string, readonly View[]> {
  const groups = new Map<string, View[]>()
  for (const view of views) {
    const key = keyOf(view)
    groups.set(key, [...(groups.get(key) ?? []), view])
  }
  return groups
}

const listed = (groups: ReadonlyMap<string, readonly View[]>): string =>
  [...groups].map(([key, views]) => `${views.map(({ name }) => name).join(', ')}: ${key}`).join('; ')

/** The views as a table. */
export function formatViews(views: readonly View[]): string {
  const held = { document: 'held', absence: 'held: absent', no: 'not held', unknown: '?' } as const
  const rows = [
    ['reader', 'cached', 'answer', 'ETag', 'position', 'age', 'from'],
    ...views.map((view) => [
      view.name,
      held[view.held],
      view.status === undefined ? (view.failure ?? '-') : String(view.status),
      view.etag ?? '-',
      view.at === undefined ? '-' : formatSourcePosition(view.at.source, view.at.at),
      view.ageS === undefined ? '-' : `${view.ageS} s`,
      view.cacheStatus ?? '-',
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
