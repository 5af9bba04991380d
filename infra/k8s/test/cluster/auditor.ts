import { eventually } from '@freshet/testkit'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kubectl } from './kubectl.ts'
import { createPrograms, listOf, podOf } from './pods.ts'
import { expectNothingLost } from './report.ts'
import { during, migrateAgain, type UnderLoad } from './scenarios.ts'

/** What an audit of one reader found. */
interface Audited {
  readonly url: string
  /** 0: everything was right. 1: an answer was wrong. 3: too little could be checked. */
  readonly code: number | null
  /** The summary of `freshet audit --json`. */
  readonly out: string
  readonly err: string
}

const liar = 'http://127.0.0.1:9001'

/** Starts a pod with the credential and the collection files of the audit, which may reach the database and the readers. */
async function startAuditor({ kubectl, image, home, tokens }: UnderLoad): Promise<void> {
  await kubectl.run(['delete', 'pod', 'auditor', '--ignore-not-found'])
  await createPrograms(kubectl)
  const [reader = ''] = [...(await readerUrls(kubectl))]
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'auditor' },
    spec: {
      podSelector: { matchLabels: { app: 'auditor' } },
      policyTypes: ['Egress'],
      egress: [
        {
          to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'freshet-reader' } } }],
          ports: [{ protocol: 'TCP', port: 8080 }],
        },
      ],
    },
  }
  const pod = podOf('auditor', {
    image,
    node: home,
    labels: { 'app.kubernetes.io/part-of': 'freshet' },
    command: ['node', '/programs/auditor.mjs'],
    env: [
      {
        name: 'FRESHET_DATABASE',
        valueFrom: { configMapKeyRef: { name: 'freshet', key: 'database' } },
      },
      { name: 'FRESHET_COLLECTIONS', value: '/collections' },
      { name: 'FRESHET_DB_FILE', value: '/auditor/mongodb-uri' },
      { name: 'FRESHET_TOKEN', value: tokens['auditor'] },
      // It shares its processors with what it audits.
      { name: 'FRESHET_CONCURRENCY', value: '2' },
      { name: 'FRESHET_PAUSE', value: '50ms' },
      { name: 'LIAR_OF', value: reader },
    ],
    volumes: {
      '/collections': { configMap: { name: 'freshet-collections' } },
      '/auditor': { secret: { secretName: 'freshet-auditor' } },
    },
  })
  await kubectl.apply(listOf(policy, pod))
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/auditor', '--timeout=60s'])
}

async function readerUrls(kubectl: Kubectl): Promise<ReadonlySet<string>> {
  const pods = await kubectl.list('pods', 'app.kubernetes.io/name=freshet-reader')
  const addresses = pods.map(({ status }) => status?.['podIP']).filter((each) => typeof each === 'string')
  return new Set(addresses.map((address) => `http://${address}:8080`))
}

async function take(kubectl: Kubectl): Promise<readonly Audited[]> {
  const taken: readonly Audited[] = JSON.parse(await kubectl.ask('auditor', '/take'))
  return taken
}

/**
 * The migration runs again, and all services are updated at once, as with a new version. Each reader is audited from the moment when it
 * has an address until it is gone. Before, the same audit must notice a reader that lies.
 */
export async function updateUnderAudit(state: UnderLoad): Promise<string> {
  const { kubectl, load } = state
  await startAuditor(state)
  await kubectl.ask('auditor', `/audit?url=${liar}`)
  await sleep(20_000)
  const lies = sumOf((await take(kubectl)).map(summaryOf), 'wrong')
  if (lies === 0) throw new Error('the audit noticed no lie')
  const seen = new Set<string>()
  const ended = new AbortController()
  const auditAll = async (): Promise<void> => {
    for (const url of await readerUrls(kubectl)) {
      if (seen.has(url)) continue
      await kubectl.ask('auditor', `/audit?url=${url}`)
      seen.add(url)
    }
  }
  const auditNew = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await auditAll()
      await sleep(500)
    }
  }
  await auditAll()
  const replaced = new Set(seen)
  const audits = auditNew()
  const counts = await during(load, async () => {
    await migrateAgain(kubectl)
    await Promise.all(['reader', 'writer', 'delivery'].map((role) => kubectl.restart(`freshet-${role}`)))
    await eventually(
      async () => {
        const old = [...(await readerUrls(kubectl))].filter((url) => replaced.has(url))
        if (old.length > 0) throw new Error(`readers have not ended: ${old.join()}`)
      },
      { withinMs: 60_000, everyMs: 500 },
    )
    await sleep(20_000)
  }).finally(() => ended.abort())
  await audits
  const audited = (await take(kubectl)).map(summaryOf)
  const [sum, wrong] = [sumOf(audited, 'audited'), sumOf(audited, 'wrong')]
  const line = `${audited.length} readers audited, ${sum} answers checked, ${wrong} wrong`
  const faults = audited.filter(({ code }) => code !== 0).map(({ text }) => text)
  if (faults.length > 0 || audited.length <= replaced.size) throw new Error(`${line}; ${faults.join('; ')}`)
  return `${line} (a reader that lies: ${lies}); ${expectNothingLost(counts)}`
}

interface Summary {
  readonly code: number | null
  readonly audited: number
  readonly wrong: number
  readonly text: string
}

function summaryOf({ url, code, out, err }: Audited): Summary {
  const text = `${url} ${code}: ${out.slice(0, 2_000)} ${err.slice(-500)}`
  const { audited = 0, wrong = 0 }: { audited?: number; wrong?: number } = out === '' ? {} : JSON.parse(out)
  return { code, audited, wrong, text }
}

const sumOf = (summaries: readonly Summary[], name: 'audited' | 'wrong'): number =>
  summaries.reduce((sum, each) => sum + each[name], 0)
