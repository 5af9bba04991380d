import { expect, test } from '@jest/globals'
import { calls } from './calls.ts'
import { manifests, type Manifest } from './manifests.ts'
import { allows } from './network.ts'

const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy')

test.each(calls)('G5.1 the policies decide about %s', (_, call, allowed) => {
  expect(allows(policies, call)).toBe(allowed)
})

test('G5.2 two locks keep readers from the writer, and each holds alone', () => {
  const [, call] = calls[0] ?? []
  if (!call) throw new Error('no call')
  // Without the reader's own policies the writer does not hear it.
  const out = ['freshet-out', 'freshet-nothing']
  expect(
    allows(
      policies.filter(({ metadata }) => !out.includes(metadata.name)),
      call,
    ),
  ).toBe(false)
  // By its own way out alone the reader may not call: what forbids everything to everybody is not needed for it.
  const own = policies.filter(({ metadata }) => metadata.name === 'freshet-out')
  expect(own).toHaveLength(1)
  expect(allows(own, call)).toBe(false)
})

test('G5.1 negative control: without policies, or with one that is too wide, readers reach the writer', () => {
  const [, call] = calls[0] ?? []
  if (!call) throw new Error('no call')
  expect(allows([], call)).toBe(true)
  const wide: Manifest = {
    kind: 'NetworkPolicy',
    metadata: { name: 'wide' },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
  }
  expect(allows([...policies, wide], call)).toBe(true)
})
