/**
 * `npm run test:cluster`: installs Freshet in the cluster of KUBECONFIG as docs/kubernetes.md says, and disturbs it under load. The
 * images must be in the cluster: see the page. `--only PATTERN` runs some checks; the first one always runs. `--memory MINUTES` is how
 * long a full cache is under load. `--no-install` disturbs what the overlay `try` has installed before, `--no-helm` leaves out the chart,
 * and `--keep` leaves everything in place. Uses and deletes the namespaces `freshet` and `freshet-load`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { updateUnderAudit } from './auditor.ts'
import { typeDocumented } from './documented.ts'
import { imagesHold } from './images.ts'
import { Kubectl } from './kubectl.ts'
import { Load, tokenOf } from './load.ts'
import { fullCache } from './memory.ts'
import { crashNode, databaseOutage, startOperator, stepDown, stepDownOfThree } from './outages.ts'
import { policiesHold } from './packets.ts'
import { expectNothingLost, Report } from './report.ts'
import {
  autoscale,
  changeConfiguration,
  drain,
  during,
  rollingUpdate,
  rotateCredential,
  scaleUpAndDown,
  withLyingReadiness,
  withoutDrain,
  type UnderLoad,
} from './scenarios.ts'
import { earlyStartsRecovered, failingStartsEnd, spreadOverNodes } from './starts.ts'

const namespace = 'freshet'
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    memory: { type: 'string', default: '10' },
    helm: { type: 'boolean', default: true },
    keep: { type: 'boolean', default: false },
    install: { type: 'boolean', default: true },
  },
  allowNegative: true,
})

const say = (line: string): void => console.log(line)
const kubectl = new Kubectl(namespace)
const outside = kubectl.in('freshet-load')
const keys = mkdtempSync(join(tmpdir(), 'freshet-cluster-'))

async function clean(): Promise<void> {
  for (const name of [namespace, 'freshet-load'])
    await kubectl.run(['delete', 'namespace', name, '--ignore-not-found', '--wait', '--timeout=180s'], {
      withinMs: 200_000,
    })
}

/** Starts the load beside the database, so that all other nodes can be emptied. */
async function underLoad(): Promise<UnderLoad> {
  const secret = await kubectl.get('secret', 'freshet-token-key')
  const encoded = String(Reflect.get(Object(Reflect.get(secret, 'data')), 'token-key.pem'))
  const keyFile = join(keys, 'token-key.pem')
  writeFileSync(keyFile, Buffer.from(encoded, 'base64'), { mode: 0o600 })
  const [database] = await kubectl.list('pods', 'app.kubernetes.io/name=mongodb')
  const home = String(database?.spec?.['nodeName'])
  const nodes = (await kubectl.list('nodes')).map(({ metadata }) => metadata.name)
  const image = 'freshet/migrate:0.1.0'
  const subjects = ['writer', 'sender', 'receiver', 'auditor']
  const tokens = Object.fromEntries(subjects.map((subject) => [subject, tokenOf(keyFile, subject)]))
  const load = await Load.start(kubectl, {
    namespace: 'freshet-load',
    target: namespace,
    node: home,
    image,
    tokens,
  })
  await startOperator(kubectl, image, home)
  return { kubectl, load, home, others: nodes.filter((name) => name !== home), image, tokens }
}

async function run(): Promise<number> {
  const report = new Report(new RegExp(values.only), say)
  const always = new Report(/./, say)
  await report.check('images', imagesHold)
  if (values.install) await clean()
  else await kubectl.run(['delete', 'namespace', 'freshet-load', '--ignore-not-found'])
  if (values.install)
    await always.check('first answer by kubectl apply -k, as documented', () =>
      typeDocumented('## Try it with kubectl'),
    )
  if (always.failed > 0) return 1
  if (values.install)
    await report.check('starts before the migration recover', () => earlyStartsRecovered(kubectl))
  await report.check('pods are spread over nodes', () => spreadOverNodes(kubectl))
  const state = await underLoad()
  const { load } = state
  await report.check('steady load', async () => expectNothingLost(await during(load, async () => undefined)))
  await report.check('network policies with real packets', () => policiesHold(kubectl, outside))
  await report.check('rolling update of readers', () => rollingUpdate('reader')(state))
  await report.check('rolling update of writers', () => rollingUpdate('writer')(state))
  await report.check('rolling update of deliveries', () => rollingUpdate('delivery')(state))
  await report.check('update of all parts under audit', () => updateUnderAudit(state))
  await report.check('pods are spread over nodes after updates', () => spreadOverNodes(kubectl))
  await report.check('scale readers 2 to 6 to 2', () => scaleUpAndDown(state))
  await report.check('autoscaler on CPU', () => autoscale(state))
  await report.check('drain of a node', () => drain(state))
  await report.check('another credential', () => rotateCredential(state))
  await report.check('another configuration', () => changeConfiguration(state))
  await report.check('step-down of the primary', () => stepDown(state))
  await report.check('outage of the database', () => databaseOutage(state))
  await report.check('crash of a node', () => crashNode(state))
  await report.check('failing starts end in the documented state', () => failingStartsEnd(kubectl))
  await report.check('full cache under load', () => fullCache(state, Number(values.memory)))
  await report.check('negative control: without drain, requests are lost', () => withoutDrain(state))
  await report.check('negative control: with a lying readiness, requests are lost', () =>
    withLyingReadiness(state),
  )
  await report.check('step-downs of three members', () => stepDownOfThree(state))
  if (values.helm) {
    await clean()
    await report.check('first answer by helm install, as documented', () =>
      typeDocumented('## Try it with Helm', '### A first conversation'),
    )
  }
  if (!values.keep) await clean()
  report.end()
  return report.failed > 0 ? 1 : 0
}

try {
  if (process.env['KUBECONFIG']) process.exitCode = await run()
  else
    say('SKIPPED: KUBECONFIG is not set, so there is no cluster to test on.\n0 passed, 0 failed, 1 skipped')
} finally {
  rmSync(keys, { recursive: true })
}
