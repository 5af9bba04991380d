import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { defineOptions, readConfig, type OptionTable } from '@freshet/kit'
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

const apps: readonly [name: string, options: OptionTable][] = [
  ['freshet-reader', readerOptions],
  ['freshet-writer', writerOptions],
]

test.each(apps)(
  '%s has an option for every variable that it receives, and starts with them',
  (name, options) => {
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
    expect(read).toHaveLength(2)
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
  const account = (name: string): unknown => at(deployment(name), 'template', 'spec', 'serviceAccountName')
  expect(account('freshet-reader')).not.toBe(account('freshet-writer'))
  expect(at(container('freshet-reader'), 'image')).not.toBe(at(container('freshet-writer'), 'image'))
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

test('services and policies select existing pods', () => {
  for (const name of ['freshet-reader', 'freshet-writer']) {
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
