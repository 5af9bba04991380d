import { expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { calls, deliveryCalls, exampleRange, parties, writerCases } from './calls.ts'
import { manifests, withComponent, withMessages, type Manifest } from './manifests.ts'
import { allows } from './network.ts'

const policiesIn = (all: readonly Manifest[]): readonly Manifest[] =>
  all.filter(({ kind }) => kind === 'NetworkPolicy')
const base = policiesIn(manifests)
const policies = policiesIn(withMessages)

test.each(calls)('G5.1 policies: %s', (_, call, allowed) => {
  expect([allows(base, call), allows(policies, call)]).toEqual([allowed, allowed])
})

test.each(deliveryCalls)('G5.1 policies with messages: %s', (_, call, allowed) => {
  expect(allows(policies, call)).toBe(allowed)
})

test.each([
  ['readers', parties.reader],
  ['deliveries', parties.delivery],
])('G5.2 two independent locks keep %s from the writer', (_, from) => {
  const call = { from, to: parties.writer, port: 8080 }
  // Without its own policies, the writer still refuses it.
  const out = ['freshet-out', 'freshet-nothing']
  expect(
    allows(
      policies.filter(({ metadata }) => !out.includes(metadata.name)),
      call,
    ),
  ).toBe(false)
  // Its egress policy alone is sufficient; the default deny is not needed for it.
  const own = policies.filter(({ metadata }) => metadata.name === 'freshet-out')
  expect(own).toHaveLength(1)
  expect(allows(own, call)).toBe(false)
})

test('G5.1 negative control: without policies, or with an overly broad one, readers reach the writer', () => {
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

const components = join(import.meta.dirname, '../components')

/** The policies of a component, with the range of an overlay instead of the example. */
function policiesOf(component: string, range = exampleRange): readonly Manifest[] {
  const text = JSON.stringify(withComponent(component)).replaceAll(exampleRange, range)
  const all: readonly Manifest[] = JSON.parse(text)
  return all.filter(({ kind }) => kind === 'NetworkPolicy')
}

/** Components without a policy. `rendered.test.ts` builds them. */
const others = [
  'gateway',
  'ingress',
  'postgres',
  'scale-deliveries-by-connections',
  'scale-readers-by-requests',
]

test('each component is tested and documented', () => {
  const all = ['messages', ...others, ...writerCases.map(({ component }) => component)]
  expect(readdirSync(components).toSorted()).toEqual(all.toSorted())
  const docs = ['operations.md', 'kubernetes.md']
    .map((file) => readFileSync(join(import.meta.dirname, '../../../docs', file), 'utf8'))
    .join()
  for (const component of all) expect(docs).toContain(`${component}\``)
})

test.each(writerCases)(
  'with $component, exactly the intended callers can reach the writer',
  ({ component, range, may, mayNot }) => {
    const own = policiesOf(component, range)
    const { writer, reader, delivery } = parties
    for (const from of may) {
      expect([from, allows(own, { from, to: writer, port: 8080 })]).toEqual([from, true])
      // The management port stays closed.
      expect([from, allows(own, { from, to: writer, port: 9090 })]).toEqual([from, false])
    }
    for (const from of mayNot)
      expect([from, allows(own, { from, to: writer, port: 8080 })]).toEqual([from, false])
    // Both locks between readers or deliveries and the writer still hold independently.
    const out = ['freshet-out', 'freshet-nothing']
    const ingress = own.filter(({ metadata }) => !out.includes(metadata.name))
    const egress = own.filter(({ metadata }) => metadata.name === 'freshet-out')
    for (const from of [reader, delivery])
      for (const some of [own, ingress, egress])
        expect(allows(some, { from, to: writer, port: 8080 })).toBe(false)
  },
)

test.each(writerCases.filter(({ range }) => range !== undefined))(
  '$component, with the unmodified example range, admits no additional caller',
  ({ component, may }) => {
    const { writer } = parties
    for (const from of may.filter(({ pod }) => pod === undefined))
      expect(allows(policiesOf(component), { from, to: writer, port: 8080 })).toBe(false)
  },
)

test('control: a block without excluded private addresses would open the second lock to readers', () => {
  const text = JSON.stringify(policiesOf('writer-from-anywhere')).replaceAll(/,"except":\[[^\]]*\]/g, '')
  const wide: readonly Manifest[] = JSON.parse(text)
  const { writer, reader } = parties
  const out = ['freshet-out', 'freshet-nothing']
  const ingress = wide.filter(({ metadata }) => !out.includes(metadata.name))
  expect(allows(ingress, { from: reader, to: writer, port: 8080 })).toBe(true)
})
