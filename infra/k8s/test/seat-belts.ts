import { at, listAt, type Manifest } from './manifests.ts'

/** What each pod and container must say, by its path; each for a reason. */
const ofPod: readonly (readonly [path: readonly string[], value: unknown])[] = [
  [['automountServiceAccountToken'], false],
  [['enableServiceLinks'], false],
  [['securityContext', 'runAsNonRoot'], true],
  [['securityContext', 'seccompProfile', 'type'], 'RuntimeDefault'],
]
const ofContainer: typeof ofPod = [
  [['securityContext', 'allowPrivilegeEscalation'], false],
  [['securityContext', 'readOnlyRootFilesystem'], true],
  [['securityContext', 'capabilities', 'drop'], ['ALL']],
]

/** What is not buckled in a Deployment, in words; empty: all is. */
export function unbuckled({ spec }: Manifest): readonly string[] {
  const pod = at(spec, 'template', 'spec')
  const containers = listAt(pod, 'containers')
  return [
    ...missing(pod, ofPod),
    ...containers.flatMap((container) => [
      ...missing(container, ofContainer),
      ...(listAt(container, 'command').includes('--disable-proto=delete') ? [] : ['--disable-proto=delete']),
      ...(/\b(sh|bash)$/.test(String(listAt(container, 'command')[0])) ? ['a shell'] : []),
      ...(at(container, 'resources', 'limits', 'memory') === undefined ? ['a limit of memory'] : []),
      ...listAt(container, 'volumeMounts').flatMap((mount) =>
        at(mount, 'readOnly') === true ? [] : [`${String(at(mount, 'name'))} can be written`],
      ),
    ]),
  ]
}

function missing(tree: unknown, wanted: typeof ofPod): readonly string[] {
  return wanted
    .filter(([path, value]) => JSON.stringify(at(tree, ...path)) !== JSON.stringify(value))
    .map(([path]) => path.join('.'))
}
