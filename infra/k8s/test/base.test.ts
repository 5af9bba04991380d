import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { defineOptions, readConfig, type OptionTable } from '@freshet/kit'
import { deliveryServiceOptions } from '@freshet/delivery'
import { deliveryHeap } from '@freshet/delivery/heap'
import { readerOptions } from '@freshet/reader'
import { readerHeap } from '@freshet/reader/heap'
import { serviceOptions } from '@freshet/service'
import { heapFlagsOf, type HeapRule } from '@freshet/service/start'
import { writerOptions } from '@freshet/writer'
import { writerHeap } from '@freshet/writer/heap'
import { environmentOf } from './environment.ts'
import { at, listAt, listed, manifest } from './manifests.ts'

const deployment = (name: string): unknown => manifest('Deployment', name).spec
const container = (name: string): unknown => at(deployment(name), 'template', 'spec', 'containers', 0)

test('the base lists every existing file, and no other', () => {
  const files = readdirSync(join(import.meta.dirname, '../base')).filter(
    (file) => file !== 'kustomization.yaml',
  )
  expect(listed.toSorted()).toEqual(files.toSorted())
})

const apps: readonly [name: string, options: OptionTable, secrets: number][] = [
  ['freshet-reader', readerOptions, 2],
  ['freshet-writer', writerOptions, 2],
  ['freshet-delivery', deliveryServiceOptions, 3],
]

test.each(apps)(
  '%s has an option for every variable that it receives, and starts with them',
  (name, options, secrets) => {
    const read: string[] = []
    const config = readConfig(defineOptions({ ...serviceOptions, ...options }), {
      argv: [],
      env: environmentOf(name, { database: 'shop' }),
      readFile: (path) => {
        read.push(path)
        return 'x'.repeat(40)
      },
    })
    expect(config).toMatchObject({ host: '0.0.0.0', port: 8080, managementPort: 9090, database: 'shop' })
    // Secrets are files of a mounted volume.
    const mounts = listAt(container(name), 'volumeMounts').map((mount) => String(at(mount, 'mountPath')))
    expect(read).toHaveLength(secrets)
    expect('messages' in config ? config['messages'] : true).toBe(true)
    expect(read.every((path) => mounts.some((mount) => path.startsWith(`${mount}/`)))).toBe(true)
  },
)

test('G0.3 each app has the credentials of its own user and no others', () => {
  const secretsOf = (name: string): unknown =>
    listAt(deployment(name), 'template', 'spec', 'volumes').flatMap(
      (volume) => at(volume, 'secret', 'secretName') ?? [],
    )
  expect(secretsOf('freshet-reader')).toEqual(['freshet-reader'])
  expect(secretsOf('freshet-writer')).toEqual(['freshet-writer'])
  expect(secretsOf('freshet-delivery')).toEqual(['freshet-delivery'])
  const account = (name: string): unknown => at(deployment(name), 'template', 'spec', 'serviceAccountName')
  const names = apps.map(([name]) => name)
  expect(names.map(account)).toEqual(names)
  expect(new Set(names.map((name) => at(container(name), 'image'))).size).toBe(names.length)
})

const heaps: readonly [name: string, rule: HeapRule][] = [
  ['freshet-reader', readerHeap],
  ['freshet-writer', writerHeap],
  ['freshet-delivery', deliveryHeap],
]

test.each(heaps)(
  '%s computes its heap itself, and its container is large enough for that and all bytes in flight',
  (name, rule) => {
    const env = environmentOf(name, { database: 'shop' })
    expect(listAt(container(name), 'command').join()).not.toContain('old-space')
    const flags = heapFlagsOf(rule, { argv: [], env, readFile: () => '' })
    const heapMiB = Number(/old-space-size=(\d+)/.exec(flags.join())?.[1])
    const inFlightMiB = Number(env['FRESHET_IN_FLIGHT_SIZE']?.replace('MiB', ''))
    const limitMiB = Number(String(at(container(name), 'resources', 'limits', 'memory')).replace('Mi', ''))
    expect(limitMiB).toBeGreaterThanOrEqual(heapMiB + inFlightMiB + 150)
  },
)

test('event streams of deliveries have a part of what may be in flight', () => {
  const environment = environmentOf('freshet-delivery', { database: 'shop' })
  const bytesOf = (name: string): number => Number(environment[name]?.replace('MiB', ''))
  expect(bytesOf('FRESHET_EVENT_BUFFERS')).toBeLessThan(bytesOf('FRESHET_IN_FLIGHT_SIZE'))
})

test.each(apps.map(([name]) => name))('%s has time to drain before it is killed', (name) => {
  const { FRESHET_DRAIN: drain, FRESHET_STOP_WITHIN: stop } = environmentOf(name, { database: 'shop' })
  const seconds = [drain, stop].map((value) => Number(value?.replace('s', '')))
  const grace = Number(at(deployment(name), 'template', 'spec', 'terminationGracePeriodSeconds'))
  expect(grace).toBeGreaterThanOrEqual(seconds.reduce((sum, each) => sum + each, 5))
})

test.each(apps.map(([name]) => name))('P8 %s is not restarted while it waits for the database', (name) => {
  const pathOf = (probe: string): unknown => at(container(name), probe, 'httpGet', 'path')
  // `/startupz` and `/readyz` say no until the database has answered; a failed start-up probe ends the container.
  expect(['startupProbe', 'livenessProbe', 'readinessProbe'].map(pathOf)).toEqual([
    '/livez',
    '/livez',
    '/readyz',
  ])
})

test.each(apps.map(([name]) => name))(
  'pods of %s avoid the nodes of each other, whether nodes have zones or not',
  (name) => {
    const pod = at(deployment(name), 'template', 'spec')
    // The scheduler ignores all preferred spread constraints on a node that lacks the key of one of them.
    const keys = listAt(pod, 'topologySpreadConstraints').map((each) => at(each, 'topologyKey'))
    expect(keys).toEqual(['topology.kubernetes.io/zone'])
    const avoids = listAt(
      pod,
      'affinity',
      'podAntiAffinity',
      'preferredDuringSchedulingIgnoredDuringExecution',
    )
    expect(avoids.map((each) => at(each, 'podAffinityTerm'))).toEqual([
      {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: at(deployment(name), 'selector'),
        matchLabelKeys: ['pod-template-hash'],
      },
    ])
  },
)

test('services and policies select existing pods', () => {
  for (const [name] of apps) {
    const labels = at(deployment(name), 'template', 'metadata', 'labels')
    expect(labels).toMatchObject(Object(at(deployment(name), 'selector', 'matchLabels')))
    expect(labels).toMatchObject(Object(manifest('Service', name).spec['selector']))
    expect(labels).toMatchObject(
      Object(at(manifest('PodDisruptionBudget', name).spec, 'selector', 'matchLabels')),
    )
    expect(labels).toMatchObject({ 'app.kubernetes.io/part-of': 'freshet' })
    const ports = listAt(container(name), 'ports').map((port) => at(port, 'name'))
    expect(ports).toContain(at(manifest('Service', name).spec, 'ports', 0, 'targetPort'))
  }
})
