import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { defineOptions, readConfig, type OptionTable } from '@freshet/kit'
import { deliveryServiceOptions } from '@freshet/delivery'
import { readerOptions } from '@freshet/reader'
import { serviceOptions } from '@freshet/service'
import { writerOptions } from '@freshet/writer'
import { environmentOf } from './environment.ts'
import { at, listAt, listed, manifest } from './manifests.ts'

const MiB = 2 ** 20
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

/** Limits of the heap and of the container. */
function memoryOf(name: string): { readonly heapBytes: number; readonly limitBytes: number } {
  const flag = listAt(container(name), 'command').find((word) => String(word).includes('old-space'))
  const limit = String(at(container(name), 'resources', 'limits', 'memory'))
  return {
    heapBytes: Number(String(flag).split('=')[1]) * MiB,
    limitBytes: Number(limit.replace('Mi', '')) * MiB,
  }
}

test('the heap of a reader is large enough for its cache, and its container for the heap', () => {
  const { FRESHET_CACHE_SIZE: cache, FRESHET_IN_FLIGHT_SIZE: inFlight } = environmentOf('freshet-reader', {
    database: 'shop',
  })
  const cacheBytes = Number(cache?.replace('MiB', '')) * MiB
  const inFlightBytes = Number(inFlight?.replace('MiB', '')) * MiB
  const { heapBytes, limitBytes } = memoryOf('freshet-reader')
  expect(heapBytes).toBeGreaterThanOrEqual(cacheBytes / 0.75 + 64 * MiB)
  expect(limitBytes).toBeGreaterThanOrEqual(heapBytes + inFlightBytes + 150 * MiB)
})

test('the heap of a writer is large enough for one parsed body, and its container for the heap and all bytes in flight', () => {
  const { FRESHET_IN_FLIGHT_SIZE: inFlight } = environmentOf('freshet-writer', { database: 'shop' })
  const inFlightBytes = Number(inFlight?.replace('MiB', '')) * MiB
  const { heapBytes, limitBytes } = memoryOf('freshet-writer')
  expect(heapBytes).toBeGreaterThanOrEqual(64 * MiB + 100 * Number(serviceOptions.maxBodyBytes.defaultValue))
  expect(limitBytes).toBeGreaterThanOrEqual(heapBytes + inFlightBytes + 150 * MiB)
})

test('the heap of a delivery is large enough for all that may wait, and its container for the heap', () => {
  const environment = environmentOf('freshet-delivery', { database: 'shop' })
  const bytesOf = (name: string): number => Number(environment[name]?.replace('MiB', '')) * MiB
  const { heapBytes, limitBytes } = memoryOf('freshet-delivery')
  const buffers = ['FRESHET_RING_SIZE', 'FRESHET_SOCKET_BUFFERS', 'FRESHET_EVENT_BUFFERS'].map(bytesOf)
  expect(heapBytes).toBeGreaterThanOrEqual(buffers.reduce((sum, each) => sum + each, 300 * MiB))
  expect(limitBytes).toBeGreaterThanOrEqual(heapBytes + bytesOf('FRESHET_IN_FLIGHT_SIZE') + 150 * MiB)
  // Event streams have a part of what may be in flight.
  expect(bytesOf('FRESHET_EVENT_BUFFERS')).toBeLessThan(bytesOf('FRESHET_IN_FLIGHT_SIZE'))
})

test.each(apps.map(([name]) => name))('%s has time to drain before it is killed', (name) => {
  const { FRESHET_DRAIN: drain, FRESHET_STOP_WITHIN: stop } = environmentOf(name, { database: 'shop' })
  const seconds = [drain, stop].map((value) => Number(value?.replace('s', '')))
  const grace = Number(at(deployment(name), 'template', 'spec', 'terminationGracePeriodSeconds'))
  expect(grace).toBeGreaterThanOrEqual(seconds.reduce((sum, each) => sum + each, 5))
})

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
