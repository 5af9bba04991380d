import { manifest } from './manifests.ts'
import type { Call, Party } from './network.ts'

/** The labels that the pods of a Deployment really get. */
const podOf = (name: string): Party => {
  const template: unknown = manifest('Deployment', name).spec['template']
  const { metadata } = template as { metadata: { labels: Record<string, string> } }
  return { pod: metadata.labels, namespace: { 'kubernetes.io/metadata.name': 'shop' } }
}
const reader = podOf('freshet-reader')
const writer = podOf('freshet-writer')
const client: Party = { pod: { app: 'shop' }, namespace: {} }
const database: Party = { pod: { 'freshet.dev/role': 'database' }, namespace: { any: 'where' } }
const names: Party = {
  pod: { 'k8s-app': 'kube-dns' },
  namespace: { 'kubernetes.io/metadata.name': 'kube-system' },
}
const collector: Party = { pod: { app: 'collector' }, namespace: { 'freshet.dev/telemetry': 'true' } }
const prometheus: Party = { pod: { app: 'prometheus' }, namespace: { 'freshet.dev/monitoring': 'true' } }
const internet: Party = { pod: undefined, namespace: {} }

/** Who calls whom, and whether he may. */
export const calls: readonly [what: string, call: Call, allowed: boolean][] = [
  ['a reader to the writer', { from: reader, to: writer, port: 8080 }, false],
  ['a reader to the management of the writer', { from: reader, to: writer, port: 9090 }, false],
  ['a reader to another reader', { from: reader, to: reader, port: 8080 }, false],
  ['a reader to the database', { from: reader, to: database, port: 27017 }, true],
  ['a reader to another port of the database', { from: reader, to: database, port: 22 }, false],
  ['a reader to the names', { from: reader, to: names, port: 53, protocol: 'UDP' }, true],
  ['a reader to telemetry', { from: reader, to: collector, port: 4317 }, true],
  ['a reader to somebody else', { from: reader, to: client, port: 80 }, false],
  ['a reader to the world', { from: reader, to: internet, port: 443 }, false],
  ['a client to a reader', { from: client, to: reader, port: 8080 }, true],
  ['the world to a reader', { from: internet, to: reader, port: 8080 }, true],
  ['a client to the management of a reader', { from: client, to: reader, port: 9090 }, false],
  ['the monitoring to the management of a reader', { from: prometheus, to: reader, port: 9090 }, true],
  ['a client to the writer', { from: client, to: writer, port: 8080 }, true],
  ['the writer to a reader', { from: writer, to: reader, port: 8080 }, false],
  ['the writer to the database', { from: writer, to: database, port: 27017 }, true],
  ['the writer to the world', { from: writer, to: internet, port: 443 }, false],
  ['the monitoring to the management of the writer', { from: prometheus, to: writer, port: 9090 }, true],
]
