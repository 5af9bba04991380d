import type { Examination } from '@freshet/guard'

/** Layers that no connection can show, and what holds them. */
const elsewhere = [
  ['G0', 'apart', 'held when the reader is deployed: its folder has no code that writes'],
  ['G2', 'imports', 'held when the reader is built: its imports are a list'],
  ['G5', 'network', 'held by the network policies of the cluster, infra/k8s/base'],
  ['G6', 'lineage', 'told by the process itself: guard.layers in /statusz; judged by the writer'],
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
  const rights = grants.map(({ resource, action, harmless }) => [
    resource,
    action,
    harmless === undefined ? 'TOO MUCH' : 'fine',
    harmless ?? 'a reader must not have it',
  ])
  const remedies = new Set(
    layers.flatMap(({ stands, remedy }) => (stands || remedy === undefined ? [] : [remedy])),
  )
  return [
    `user ${user ?? '(none)'}, roles ${roles.join(', ') || '(none)'}`,
    '',
    ...columns(rows),
    '',
    ...columns(rights),
    ...[...remedies].flatMap((remedy) => ['', `To do: ${remedy}`]),
  ].join('\n')
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
