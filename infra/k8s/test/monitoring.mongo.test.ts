import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { deliveryService, openBackend as openDeliveryBackend } from '@freshet/delivery'
import { defineOptions, readConfig, systemClock, type OptionTable } from '@freshet/kit'
import { systemReader } from '@freshet/reader'
import { serviceOptions, startService, type ServiceDefinition } from '@freshet/service'
import { openTestDatabase, silentLog } from '@freshet/testkit'
import { openBackend as openWriterBackend, writerService } from '@freshet/writer'
import { parse, stringify } from 'yaml'
import { at, listAt, manifest } from './manifests.ts'
import { haveTools, runTool } from './tools.ts'

const folder = join(import.meta.dirname, '../../monitoring')
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
const rules: unknown = parse(read('rules.yaml'))
const dashboard: unknown = JSON.parse(read('dashboard.json'))

/** Names of all metrics that running services report; those without a value yet are declared too. */
const scraped = new Set<string>()

async function scrape<Options extends OptionTable>(
  definition: ServiceDefinition<Options>,
  uri: string,
): Promise<void> {
  const config = readConfig(defineOptions({ ...serviceOptions, ...definition.options }), {
    argv: [
      '--port=0',
      '--management-port=0',
      '--no-tokens',
      '--database=shop',
      ...collections(definition.options),
    ],
    env: { FRESHET_MONGODB_URI: uri },
    readFile: () => '',
  })
  const signal = new AbortController().signal
  await using service = await startService({ definition, config, log: silentLog, clock: systemClock, signal })
  const text = await (await fetch(`${service.managementUrl}/metrics`)).text()
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
      scraped.add(name + suffix)
}

const collections = (options: OptionTable): readonly string[] =>
  'collections' in options ? [`--collections=${join(folder, '../../collections')}`] : []

const db = await openTestDatabase({ messages: true })
afterAll(() => db[Symbol.asyncDispose]())
beforeAll(async () => {
  await scrape(systemReader(), db.uriFor('reader'))
  await scrape(writerService({ version: '1', open: openWriterBackend }), db.uriFor('writer'))
  await scrape(deliveryService({ version: '1', open: openDeliveryBackend }), db.uriFor('delivery'))
})

/** The queries of all panels and alerts, by name. */
const queries: readonly (readonly [name: string, query: string])[] = [
  ...listAt(dashboard, 'panels').flatMap((panel) =>
    listAt(panel, 'targets').map(
      (target) => [String(at(panel, 'title')), String(at(target, 'expr'))] as const,
    ),
  ),
  ...listAt(rules, 'spec', 'groups', 0, 'rules').map(
    (rule) => [String(at(rule, 'alert')), String(at(rule, 'expr'))] as const,
  ),
]

const unknownIn = (query: string): readonly string[] =>
  [...query.matchAll(/\bfreshet_\w+/g)].map(([name]) => name).filter((name) => !scraped.has(name))

test('each panel and each alert queries metrics that the running services report', () => {
  expect(queries.length).toBeGreaterThan(45)
  for (const [name, query] of queries) {
    expect(query).toMatch(/\bfreshet_/)
    expect([name, unknownIn(query)]).toEqual([name, []])
  }
  expect(unknownIn('rate(freshet_replica_hits[5m])')).toEqual(['freshet_replica_hits'])
})

test('every alert that operators need is there', () => {
  const names = listAt(rules, 'spec', 'groups', 0, 'rules').map((rule) => at(rule, 'alert'))
  for (const name of [
    'NotProved',
    'Age',
    'Resyncs',
    'EvictionsHigh',
    'GuardRefusals',
    'OutcomeUnknown',
    'SlowClients',
  ])
    expect(names).toContain(`Freshet${name}`)
})

test('each alert has a case in which it fires, and one in which it stays quiet', () => {
  const cases = listAt(parse(read('rules.test.yaml')), 'tests').flatMap((each) =>
    listAt(each, 'alert_rule_test'),
  )
  const named = (fires: boolean): readonly unknown[] =>
    cases
      .filter((each) => listAt(each, 'exp_alerts').length > 0 === fires)
      .map((each) => at(each, 'alertname'))
  for (const rule of listAt(rules, 'spec', 'groups', 0, 'rules')) {
    expect(named(true)).toContain(at(rule, 'alert'))
    expect(named(false)).toContain(at(rule, 'alert'))
  }
})

test('the PodMonitor selects the pods of all services, at a port that they have', () => {
  const { spec } = parse(read('pod-monitor.yaml'))
  const selected = at(spec, 'selector', 'matchExpressions', 0)
  const port = at(spec, 'podMetricsEndpoints', 0, 'port')
  const names = ['freshet-reader', 'freshet-writer', 'freshet-delivery']
  expect(at(selected, 'values')).toEqual(names)
  for (const name of names) {
    const pod = at(manifest('Deployment', name).spec, 'template')
    expect(at(pod, 'metadata', 'labels', String(at(selected, 'key')))).toBe(name)
    expect(listAt(pod, 'spec', 'containers', 0, 'ports').map((each) => at(each, 'name'))).toContain(port)
  }
})

const promtool = haveTools('promtool') ? test : test.skip
promtool('promtool accepts the rules, and each alert fires and stays quiet as its test says', () => {
  const work = mkdtempSync(join(tmpdir(), 'freshet-rules-'))
  try {
    writeFileSync(join(work, 'rules.plain.yaml'), stringify(at(rules, 'spec')))
    writeFileSync(join(work, 'rules.test.yaml'), read('rules.test.yaml'))
    expect(runTool('promtool', ['check', 'rules', join(work, 'rules.plain.yaml')])).toContain('SUCCESS')
    expect(runTool('promtool', ['test', 'rules', join(work, 'rules.test.yaml')])).toContain('SUCCESS')
  } finally {
    rmSync(work, { recursive: true })
  }
})
