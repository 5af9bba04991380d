/** One thing that the doctor looked at. */
export interface Finding {
  /** `database`, `guard`, `services`, `manifests`. */
  readonly area: string
  /** What was looked at, such as `oplog` or `reader 1: memory`. */
  readonly name: string
  /**
   * - `ok`: nothing to do.
   * - `warning`: works now, and will not in some situation that the remedy names.
   * - `fault`: does not work, or breaks a rule that Freshet relies on.
   * - `not checked`: something is missing for the check.
   */
  readonly verdict: 'ok' | 'warning' | 'fault' | 'not checked'
  /** What was found, with figures. */
  readonly seen: string
  /** What to do; `undefined` only for `ok`. */
  readonly remedy: string | undefined
}

/** A finding without the area that it belongs to. */
export type Checked = Omit<Finding, 'area'>

export function ok(name: string, seen: string): Checked {
  return { name, verdict: 'ok', seen, remedy: undefined }
}

/** Something to do. */
export function todo(
  verdict: 'warning' | 'fault' | 'not checked',
  name: string,
  seen: string,
  remedy: string,
): Checked {
  return { name, verdict, seen, remedy }
}

const order = ['fault', 'warning', 'not checked', 'ok'] as const
const words = { ok: 'ok', warning: 'WARNING', fault: 'FAULT', 'not checked': 'not checked' } as const

/** The findings as text, the worst first, each with what to do. */
export function formatFindings(findings: readonly Finding[]): string {
  const sorted = findings.toSorted((one, other) => order.indexOf(one.verdict) - order.indexOf(other.verdict))
  const width = (cell: (finding: Finding) => string): number =>
    Math.max(0, ...findings.map((finding) => cell(finding).length))
  const verdicts = width(({ verdict }) => words[verdict])
  const areas = width(({ area }) => area)
  const names = width(({ name }) => name)
  const indent = ' '.repeat(verdicts + 2)
  const lines = sorted.flatMap(({ area, name, verdict, seen, remedy }) => [
    `${words[verdict].padEnd(verdicts)}  ${area.padEnd(areas)}  ${name.padEnd(names)}  ${seen}`,
    ...(remedy === undefined ? [] : [`${indent}To do: ${remedy}`]),
  ])
  const counts = order
    .map((verdict) => [verdict, findings.filter((each) => each.verdict === verdict).length] as const)
    .filter(([, number]) => number > 0)
    .map(([verdict, number]) => `${number} ${verdict}`)
  return [...lines, '', counts.join(', ')].join('\n')
}
