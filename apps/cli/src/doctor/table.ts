import type { Examination } from '@freshet/guard'

/** Layers that are not tried here, and what holds them. */
const elsewhere = [
  ['G0', 'apart', 'held when the reader is deployed: its folder has no code that writes'],
  ['G1', 'types', 'held when code is compiled: no type takes a command that writes'],
  ['G2', 'imports', 'held when the reader is built: its imports are a list'],
  ['G5', 'network', 'held by the network policies of the cluster, infra/k8s/base'],
  ['G6', 'lineage', 'held in services that write because of changes, and judged by the writer'],
  ['G7', 'breaker', 'held in services that write because of changes: watchWrites'],
  ['G8', 'seat belts', 'held by the manifests of the cluster, infra/k8s/base'],
] as const

/** What an examination found, as text in columns for a person. */
export function tableOf({ user, roles, layers, grants }: Examination): string {
  const seen = layers.map(({ layer, name, stands, seen }) => [
    layer,
    name,
    stands ? 'stands' : 'MISSING',
    seen,
  ])
  const unseen = elsewhere.map(([layer, name, held]) => [layer, name, 'not seen', held])
  const rows = [...seen, ...unseen].toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1))
  const remedies = new Set(
    layers.flatMap(({ stands, remedy }) => (stands || remedy === undefined ? [] : [remedy])),
  )
  return [
    `user ${user ?? '(none)'}, roles ${roles.join(', ') || '(none)'}`,
    ...[...remedies].map((remedy) => `To do: ${remedy}`),
    '',
    ...columns(rows),
    '',
    ...columns(rightsOf(grants)),
  ].join('\n')
}

/** An administrator has hundreds of rights: one row for each resource, those with too much first. */
function rightsOf(grants: Examination['grants']): readonly (readonly string[])[] {
  const resources = [...new Set(grants.map(({ resource }) => resource))]
  const rows = (verdict: string, judge: (grant: Grant) => string | undefined) =>
    resources.flatMap((resource) => {
      const actions = grants
        .filter((grant) => grant.resource === resource)
        .flatMap((grant) => judge(grant) ?? [])
      return actions.length === 0 ? [] : [[verdict, resource, firstOf(actions)]]
    })
  return [
    ...rows('TOO MUCH', ({ action, harmless }) => (harmless === undefined ? action : undefined)),
    ...rows('fine', ({ action, harmless }) => harmless && `${action} (${harmless})`),
  ]
}

type Grant = Examination['grants'][number]

const maxActions = 8

function firstOf(actions: readonly string[]): string {
  const more = actions.length - maxActions
  return `${actions.slice(0, maxActions).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** Cells of one column begin at one place; the last column may be of any length. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
