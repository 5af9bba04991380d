import { at, listAt, type Manifest } from './manifests.ts'

/** The exact security contexts of pods and containers. An extra field could undo the others. */
const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  fsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
}
const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}

/** Allowed fields of pods and containers. Not allowed: other containers, host network and processes, hooks, arguments. */
const podFields: ReadonlySet<string> = new Set([
  'affinity',
  'automountServiceAccountToken',
  'containers',
  'enableServiceLinks',
  'securityContext',
  'restartPolicy',
  'serviceAccountName',
  'terminationGracePeriodSeconds',
  'topologySpreadConstraints',
  'volumes',
])
const containerFields: ReadonlySet<string> = new Set([
  'command',
  'env',
  'image',
  'livenessProbe',
  'name',
  'ports',
  'readinessProbe',
  'resources',
  'securityContext',
  'startupProbe',
  'terminationMessagePolicy',
  'volumeMounts',
])
const probes = ['startupProbe', 'readinessProbe', 'livenessProbe']

/** What is missing in a Deployment; empty if nothing is. */
export function securityFaults({ spec }: Manifest): readonly string[] {
  const pod = at(spec, 'template', 'spec')
  return [
    ...strange(pod, podFields),
    ...different(pod, 'automountServiceAccountToken', false),
    ...different(pod, 'enableServiceLinks', false),
    ...different(pod, 'securityContext', podSecurity),
    ...listAt(pod, 'volumes').flatMap((volume) =>
      strange(volume, new Set(['configMap', 'name', 'projected', 'secret'])),
    ),
    ...listAt(pod, 'containers').flatMap(faultsInContainer),
  ]
}

function faultsInContainer(container: unknown): readonly string[] {
  const [program, ...args] = listAt(container, 'command')
  return [
    ...strange(container, containerFields),
    ...different(container, 'securityContext', containerSecurity),
    // Excludes a shell or anything else that could start one.
    ...(program === 'node' ? [] : [`the program ${String(program)}`]),
    ...(args.includes('--disable-proto=delete') ? [] : ['--disable-proto=delete']),
    ...probes.flatMap((probe) =>
      at(container, probe, 'exec') === undefined ? [] : [`${probe} that runs a program`],
    ),
    ...(at(container, 'resources', 'limits', 'memory') === undefined ? ['a memory limit'] : []),
    ...listAt(container, 'volumeMounts').flatMap((mount) =>
      at(mount, 'readOnly') === true ? [] : [`${String(at(mount, 'name'))} is writable`],
    ),
  ]
}

function strange(tree: unknown, words: ReadonlySet<string>): readonly string[] {
  return Object.keys(Object(tree)).filter((word) => !words.has(word))
}

/** Compared as text, so that nothing can be added. */
function different(tree: unknown, name: string, wanted: unknown): readonly string[] {
  return sorted(at(tree, name)) === sorted(wanted) ? [] : [name]
}

function sorted(value: unknown): string {
  const inOrder = (_: string, inner: unknown): unknown =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner
  return JSON.stringify(value, inOrder)
}
