import type { Examination } from '@freshet/guard'
import type { DatabaseKind } from '../dev/run-database.ts'

type Service = 'reader' | 'delivery'

const manifests = { reader: 'infra/k8s/base', delivery: 'infra/k8s/components/messages' } as const

const ofHandlers = [
  ['G6', 'lineage', 'enforced by the writer, for services with change handlers'],
  ['G7', 'breaker', 'enforced by watchWrites, in services with change handlers'],
]

/** Layers that cannot be checked here, and how they are enforced. */
const elsewhere = (service: Service, kind: DatabaseKind) => [
  ['G0', 'apart', `enforced at deployment: the ${service} contains no code that writes`],
  ...(kind === 'mongodb'
    ? [['G1', 'types', 'enforced by the compiler: no type accepts a write command']]
    : []),
  ['G2', 'imports', 'enforced at build time: an allow-list of imports'],
  ['G5', 'network', 'enforced by the network policies in infra/k8s/base'],
  ...(service === 'reader' ? ofHandlers : []),
  ['G8', 'seat belts', `enforced by the manifests in ${manifests[service]}`],
]

/** Formats an examination as a table. */
export function tableOf(
  { user, roles, layers, grants }: Examination,
  service: Service,
  kind: DatabaseKind = 'mongodb',
): string {
  const seen = layers.map(({ layer, name, stands, seen }) => [layer, name, stands ? 'ok' : 'MISSING', seen])
  const unchecked = elsewhere(service, kind).map(([layer = '', name = '', held = '']) => [
    layer,
    name,
    'not checked',
    held,
  ])
  const rows = [...seen, ...unchecked].toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1))
  const remedies = new Set(
    layers.flatMap(({ stands, remedy }) => (stands || remedy === undefined ? [] : [remedy])),
  )
  return [
    `${service}: user ${user ?? '(none)'}${kind === 'mongodb' ? `, roles ${roles.join(', ') || '(none)'}` : ''}`,
    ...[...remedies].map((remedy) => `To do: ${remedy}`),
    '',
    ...columns(rows),
    '',
    ...columns(privilegesOf(grants)),
  ].join('\n')
}

/** One row for each resource, those with excessive privileges first. An administrator has hundreds of privileges. */
function privilegesOf(grants: Examination['grants']): readonly (readonly string[])[] {
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

/** Aligns all columns except the last. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
