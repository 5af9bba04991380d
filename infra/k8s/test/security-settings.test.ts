import { expect, test } from '@jest/globals'
import { manifest, type Manifest } from './manifests.ts'
import { securityFaults } from './security-settings.ts'

const deployments = ['freshet-reader', 'freshet-writer', 'freshet-delivery']

test.each(deployments)('G8.1 %s has all security settings', (name) => {
  expect(securityFaults(manifest('Deployment', name))).toEqual([])
})

test('G8.1 the migration has all security settings', () => {
  expect(securityFaults(manifest('Job', 'freshet-migrate'))).toEqual([])
})

/** The same manifest with one string replaced. */
function altered(name: string, from: string, to: string): Manifest {
  const text = JSON.stringify(manifest('Deployment', name))
  if (!text.includes(from)) throw new Error(`expected ${from} in the manifest`)
  return JSON.parse(text.replace(from, to)) as Manifest
}

test.each([
  ['"automountServiceAccountToken":false,', ''],
  ['"enableServiceLinks":false,', ''],
  ['"runAsNonRoot":true,', ''],
  ['"seccompProfile":{"type":"RuntimeDefault"}', '"seccompProfile":{"type":"Unconfined"}'],
  ['"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true'],
  ['"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'],
  ['"drop":["ALL"]', '"drop":["NET_RAW"]'],
  ['"--disable-proto=delete",', ''],
  ['"command":["node"', '"command":["/bin/sh"'],
  ['"command":["node"', '"command":["/busybox/ash","-c"'],
  ['"command":["node"', '"command":["env","node"'],
  ['"command":["node"', '"args":["-e","1"],"command":["node"'],
  ['"allowPrivilegeEscalation":false', '"privileged":true,"allowPrivilegeEscalation":false'],
  ['"allowPrivilegeEscalation":false', '"runAsUser":0,"allowPrivilegeEscalation":false'],
  [
    '"allowPrivilegeEscalation":false',
    '"seccompProfile":{"type":"Unconfined"},"allowPrivilegeEscalation":false',
  ],
  ['"drop":["ALL"]', '"drop":["ALL"],"add":["SYS_ADMIN"]'],
  ['"runAsUser":65532', '"runAsUser":0'],
  ['"runAsNonRoot":true', '"sysctls":[],"runAsNonRoot":true'],
  ['"enableServiceLinks":false', '"hostNetwork":true,"enableServiceLinks":false'],
  ['"enableServiceLinks":false', '"hostPID":true,"enableServiceLinks":false'],
  ['"enableServiceLinks":false', '"hostIPC":true,"enableServiceLinks":false'],
  ['"enableServiceLinks":false', '"shareProcessNamespace":true,"enableServiceLinks":false'],
  ['"containers":[', '"initContainers":[{"image":"busybox"}],"containers":['],
  ['"secret":{"secretName"', '"hostPath":{"path"'],
  ['"livenessProbe":{"httpGet"', '"livenessProbe":{"exec":{"command":["sh"]},"httpGet"'],
  ['"livenessProbe"', '"lifecycle":{"postStart":{}},"livenessProbe"'],
  ['"limits":{"memory"', '"limits":{"cpu"'],
  ['"readOnly":true}', '"readOnly":false}'],
])('G8.1 negative control: a manifest without %s is rejected', (from, to) => {
  expect(securityFaults(altered('freshet-reader', from, to))).not.toEqual([])
})
