import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { defineOptions, readConfig } from '@freshet/kit'
import { readerOptions } from '@freshet/reader'
import { serviceOptions } from '@freshet/service'
import { writerOptions } from '@freshet/writer'
import { parseAllDocuments } from 'yaml'
import { at, listAt, type Manifest } from './manifests.ts'
import { haveTools, runTool, schemas } from './tools.ts'

const infra = join(import.meta.dirname, '../..')
const chart = join(infra, 'helm/freshet')
const scratch = mkdtempSync(join(infra, 'k8s/.rendered-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const overlay = (name: string): string => runTool('kubectl', ['kustomize', join(infra, 'k8s/overlays', name)])

const helm = (...args: readonly string[]): string =>
  runTool('helm', [
    'template',
    'freshet',
    chart,
    '--namespace',
    'freshet',
    '--kube-version',
    '1.36.0',
    ...args,
  ])

/** The base with messages and other components. */
const withComponents = (...names: readonly string[]): string => build('messages', ...names)

/** The base with components. */
function build(...names: readonly string[]): string {
  const lines = names.map((name) => `  - ../components/${name}`)
  writeFileSync(
    join(scratch, 'kustomization.yaml'),
    `kind: Kustomization\nresources:\n  - ../base\ncomponents:\n${lines.join('\n')}\n`,
  )
  return runTool('kubectl', ['kustomize', scratch])
}

/** As Kubernetes reads it: 0440 is octal. */
const objectsIn = (text: string): readonly Manifest[] =>
  parseAllDocuments(text, { version: '1.1' })
    .map((document) => document.toJS() as Manifest | null)
    .filter((object): object is Manifest => object !== null)

/** Objects by kind and name, without what the two ways write differently and Kubernetes treats the same. */
function normal(text: string): Readonly<Record<string, unknown>> {
  const objects = objectsIn(text).filter(
    ({ metadata }) => at(metadata, 'annotations', 'helm.sh/hook') === undefined,
  )
  return Object.fromEntries(
    objects.map((object) => {
      // Each revision of a chart has its own Job.
      const name = object.metadata.name.replace(/^freshet-migrate-\d+$/, 'freshet-migrate')
      const { namespace: _, ...metadata } = Object(object.metadata)
      return [`${object.kind} ${name}`, sorted({ ...object, metadata: { ...metadata, name } })]
    }),
  )
}

/** Variables and volumes in order of their names. */
function sorted(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree), (key, value: unknown) =>
    (key === 'env' || key === 'volumes') && Array.isArray(value)
      ? value.toSorted((one, other) => (String(at(one, 'name')) < String(at(other, 'name')) ? -1 : 1))
      : value,
  )
}

const withHelm = haveTools('kubectl', 'helm') ? describe : describe.skip
withHelm('the chart', () => {
  test.each(['try', 'production'])('creates the same objects as the overlay %s', (name) => {
    const chartObjects = normal(helm('--values', join(chart, `${name}.yaml`)))
    expect(chartObjects).toEqual(normal(overlay(name)))
    expect(Object.keys(chartObjects).length).toBeGreaterThan(20)
  })

  test.each([
    [['scale-readers-by-requests'], ['reader.requestsPerSecond=1000']],
    [['scale-deliveries-by-connections'], ['delivery.connections=5000']],
    [['gateway'], ['gateway.enabled=true']],
    [['ingress'], ['ingress.enabled=true']],
  ])('has a value for the components %j', (components, values) => {
    const kinds = ['HorizontalPodAutoscaler', 'HTTPRoute', 'Ingress', 'Deployment']
    const of = (text: string): unknown =>
      Object.fromEntries(
        Object.entries(normal(text)).filter(([name]) => kinds.some((kind) => name.startsWith(kind))),
      )
    const images = (text: string): string => text.replaceAll(/image: "?(freshet\/\w+)(:\S+)?/g, 'image: $1')
    expect(of(images(helm('--set', values.join())))).toEqual(of(images(withComponents(...components))))
  })

  test('has a value for the component of PostgreSQL, with which nothing of MongoDB is left', () => {
    const images = (text: string): string => text.replaceAll(/image: "?(freshet\/\w+)(:\S+)?/g, 'image: $1')
    const component = normal(images(build('postgres')))
    const { 'ConfigMap freshet': _, ...ofChart } = normal(
      images(helm('--set', 'databaseKind=postgres,messages=false')),
    )
    expect(ofChart).toEqual(component)
    expect(JSON.stringify(component)).not.toMatch(/mongo|27017/i)
    const ports = listAt(component['NetworkPolicy freshet-out'], 'spec', 'egress', 1, 'ports')
    expect(ports).toEqual([{ protocol: 'TCP', port: 5432 }])
    const volumes = listAt(component['Job freshet-migrate'], 'spec', 'template', 'spec', 'volumes')
    expect(JSON.stringify(volumes)).toContain('freshet-reader/postgres-uri')
    for (const [role, options] of [
      ['reader', readerOptions],
      ['writer', writerOptions],
    ] as const) {
      const pod = at(component[`Deployment freshet-${role}`], 'spec', 'template', 'spec', 'containers', 0)
      const env = listAt(pod, 'env').map((each) => [at(each, 'name'), at(each, 'value') ?? 'shop'] as const)
      const config = readConfig(defineOptions({ ...serviceOptions, ...options }), {
        argv: [],
        env: Object.fromEntries(env),
        readFile: (path) => path.padEnd(40),
      })
      expect(config).toMatchObject({
        mongodbUri: undefined,
        postgresUri: expect.stringMatching(/postgres-uri/),
      })
    }
  })

  test('has a value for the component of Prometheus', () => {
    writeFileSync(
      join(scratch, 'kustomization.yaml'),
      'kind: Kustomization\ncomponents:\n  - ../../monitoring\n',
    )
    const component = normal(runTool('kubectl', ['kustomize', scratch]))
    const ofChart = normal(helm('--set', 'monitoring.enabled=true'))
    expect(Object.keys(component)).toHaveLength(3)
    expect(Object.fromEntries(Object.keys(component).map((name) => [name, ofChart[name]]))).toEqual(component)
    expect(helm()).not.toMatch(/PodMonitor|PrometheusRule|dashboard/)
  })

  test('negative control: a chart whose objects differ in one word is not the same', () => {
    expect(normal(helm('--values', join(chart, 'try.yaml'), '--set', 'reader.cpu=101m'))).not.toEqual(
      normal(overlay('try')),
    )
  })

  test('without messages, nothing of them is left', () => {
    expect(helm('--set', 'messages=false')).not.toMatch(
      /name: freshet-delivery\n(?! +optional)|FRESHET_MESSAGES|image: .*delivery/,
    )
  })

  test.each([
    'reader.cacheSize=1GB',
    'reader.minReplicas=0',
    'writer.env.PATH=x',
    'zones=Never',
    'databaseRanges={10.0.0.1}',
    'readers.cpu=1',
    'databaseKind=mysql',
    'databaseKind=postgres',
    'databaseKind=postgres,messages=false,mongodb.enabled=true',
  ])('the schema refuses %s', (value) => {
    expect(() => helm('--set', value)).toThrow(/values don't meet the specifications/)
  })
})

/** Each is built once. */
let built: readonly (readonly [string, string])[] | undefined
const rendered = (): readonly (readonly [string, string])[] =>
  (built ??= [
    ['try', overlay('try')],
    ['production', overlay('production')],
    ['postgres', build('postgres')],
    ['scaled', withComponents('scale-readers-by-requests', 'scale-deliveries-by-connections', 'gateway')],
  ])

const versions = ['1.33.0', '1.34.0', '1.35.0', '1.36.0']
const withSchemas =
  haveTools('kubectl', 'kubeconform') && versions.every((version) => existsSync(join(schemas, version)))
    ? describe
    : describe.skip
withSchemas('strict schemas', () => {
  const check = (version: string, text: string): string =>
    runTool(
      'kubeconform',
      // The Gateway API has no schema in Kubernetes.
      [
        '-strict',
        '-summary',
        '-skip',
        'HTTPRoute,PodMonitor,PrometheusRule',
        '-schema-location',
        location(version),
        '-',
      ],
      text,
    )
  const location = (version: string): string =>
    join(schemas, version, '{{ .ResourceKind }}{{ .KindSuffix }}.json')

  test.each(versions)('Kubernetes %s knows every object and field', (version) => {
    for (const [, text] of rendered()) expect(check(version, text)).toMatch(/Invalid: 0, Errors: 0/)
  })

  test('negative control: a misspelled field is found', () => {
    const text = overlay('production').replace('topologySpreadConstraints', 'topologySpreadConstraint')
    expect(() => check('1.36.0', text)).toThrow(/topologySpreadConstraint/)
  })
})

/** What kube-score recommends and we do not do, with the reason. */
const exceptions: Readonly<Record<string, string>> = {
  // A limit would stop a process that has work while the node is idle. Requests are what is guaranteed.
  'container-resources': 'no CPU limit',
  // Tags of the images are versions, which are not changed; the policy IfNotPresent lets images be loaded by hand.
  'container-image-pull-policy': 'IfNotPresent',
  // emptyDir and tmpfs are small and for trying out; services write no files at all.
  'container-ephemeral-storage-request-and-limit': 'read-only root',
  // The migration serves nothing. The MongoDB of `try` needs no liveness probe: a process that ends is restarted.
  'pod-probes': 'nothing to ask',
}

/** Identifiers of the checks that an object fails. https://github.com/zegl/kube-score/blob/master/README_CHECKS.md */
function failedChecks(text: string): readonly string[] {
  const score = runTool('kube-score', ['score', '--output-format', 'json', '-'], withoutRoutes(text), 1)
  const objects: readonly unknown[] = JSON.parse(score)
  return objects.flatMap((object) =>
    listAt(object, 'checks')
      .filter((check) => at(check, 'skipped') !== true && Number(at(check, 'grade')) < 10)
      .map((check) => String(at(check, 'check', 'id'))),
  )
}

const withScore = haveTools('kubectl', 'kube-score') ? test : test.skip
withScore('kube-score finds exactly the written exceptions', () => {
  // The base has no tags: an overlay does.
  const overlays = rendered().filter(([name]) => name !== 'scaled' && name !== 'postgres')
  const found = new Set(overlays.flatMap(([, text]) => failedChecks(text)))
  expect([...found].toSorted()).toEqual(Object.keys(exceptions).toSorted())
})

/** kube-score does not know the Gateway API. */
const withoutRoutes = (text: string): string =>
  text
    .split(/^---$/m)
    .filter((part) => !part.includes('kind: HTTPRoute'))
    .join('---')

test('routes send reads to readers, writes to writers, and connections to deliveries without a time limit', () => {
  if (!haveTools('kubectl')) return
  const [route] = objectsIn(withComponents('gateway')).filter(({ kind }) => kind === 'HTTPRoute')
  const rules = listAt(route?.spec, 'rules').map((rule) => ({
    to: at(rule, 'backendRefs', 0, 'name'),
    methods: listAt(rule, 'matches').flatMap((match) => at(match, 'method') ?? []),
    timeout: at(rule, 'timeouts', 'request'),
  }))
  expect(rules).toEqual([
    { to: 'freshet-delivery', methods: [], timeout: '0s' },
    { to: 'freshet-reader', methods: ['GET', 'HEAD', 'OPTIONS'], timeout: undefined },
    { to: 'freshet-writer', methods: ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], timeout: undefined },
  ])
})
