import { expect, test } from '@jest/globals'
import { manifest, type Manifest } from './manifests.ts'
import { unbuckled } from './seat-belts.ts'

const deployments = ['freshet-reader', 'freshet-writer']

test.each(deployments)('G8.1 %s has every seat belt', (name) => {
  expect(unbuckled(manifest('Deployment', name))).toEqual([])
})

/** The same manifest with one text in it changed. */
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
  ['"limits":{"memory"', '"limits":{"cpu"'],
  ['"readOnly":true}', '"readOnly":false}'],
])('G8.1 negative control: without %s it is found', (from, to) => {
  expect(unbuckled(altered('freshet-reader', from, to))).not.toEqual([])
})
