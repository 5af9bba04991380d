import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { eventually } from '@freshet/testkit'
import type { Kubectl } from './kubectl.ts'
import { createPrograms, listOf, podOf } from './pods.ts'

/** What the load has counted since the last time. */
export interface Counts {
  readonly sent: number
  /** Requests without a complete answer, or with a 5xx that is not a refusal. */
  readonly lost: number
  /** Answers that cannot be true, and reads that miss a write of the same client. */
  readonly wrong: number
  /** A problem that says that nothing was done, or that the outcome is unknown: 503, 504, 408 and 409 `busy`. */
  readonly refused: number
  /** Statuses by kind of request. */
  readonly kinds: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly examples: readonly string[]
  /** Pod and local port of each lost request. */
  readonly lostFrom: readonly string[]
  readonly streams: {
    readonly delivered: number
    readonly missing: number
    readonly gaps: number
    readonly reconnects: number
    readonly open: number
  }
}

/** The pods that send requests and count answers. */
export class Load {
  readonly #own: Kubectl

  private constructor(own: Kubectl) {
    this.#own = own
  }

  /** Starts the load against a namespace, from pods on one node. `tokens`: of a writer, a sender and a receiver. */
  static async start(
    kubectl: Kubectl,
    options: {
      readonly namespace: string
      readonly target: string
      readonly node: string
      readonly image: string
      readonly tokens: Readonly<Record<string, string>>
    },
  ): Promise<Load> {
    const { namespace, target, node, image, tokens } = options
    const own = kubectl.in(namespace)
    await own.run(['create', 'namespace', namespace])
    await createPrograms(own)
    const literals = Object.entries(tokens).map(([name, token]) => `--from-literal=${name}=${token}`)
    await own.run(['create', 'secret', 'generic', 'tokens', ...literals])
    const shared = { image, node }
    // Addresses instead of names: the load does not judge the DNS of the cluster.
    const addressOf = async (service: string, of: Kubectl): Promise<string> =>
      String((await of.get('service', service)).spec?.['clusterIP'])
    const where = await Promise.all(
      ['reader', 'writer', 'delivery'].map(async (role) => ({
        name: role.toUpperCase(),
        value: `http://${await addressOf(`freshet-${role}`, kubectl.in(target))}`,
      })),
    )
    await own.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'gate' },
        spec: { selector: { app: 'gate' }, ports: [{ port: 80, targetPort: 8080 }] },
      }),
    )
    const gate = `http://${await addressOf('gate', own)}`
    const secret = (name: string, key: string): unknown => ({
      name,
      valueFrom: { secretKeyRef: { name: 'tokens', key } },
    })
    await own.apply(
      listOf(
        podOf('gate', { ...shared, command: ['node', '/programs/gate.mjs'], env: where, port: 8080 }),
        podOf('load', {
          ...shared,
          command: ['node', '/programs/load.mjs'],
          env: [
            ...where,
            { name: 'GATE', value: gate },
            secret('TOKEN', 'writer'),
            secret('SENDER_TOKEN', 'sender'),
            secret('RECEIVER_TOKEN', 'receiver'),
          ],
        }),
      ),
    )
    await own.run(['wait', '--for=condition=Ready', 'pod/gate', 'pod/load', '--timeout=120s'], {
      withinMs: 130_000,
    })
    const load = new Load(own)
    // Until every document is written and every stream is connected.
    await eventually(async () => {
      const { kinds, streams } = await load.#ask('/')
      if ((kinds['own write']?.['200'] ?? 0) < 20 || streams.open < 10)
        throw new Error(`the load has not started: ${JSON.stringify({ kinds, streams })}`)
    })
    await load.take()
    return load
  }

  /** The counts since the last call. */
  async take(): Promise<Counts> {
    return this.#ask('/take')
  }

  /** Changes the number of requests per second. */
  async rate(perSecond: number): Promise<void> {
    await this.#ask(`/?rate=${perSecond}`)
  }

  async #ask(path: string): Promise<Counts> {
    return JSON.parse(await this.#own.ask('load', path))
  }
}

/** A token that is signed with a key. */
export function tokenOf(keyFile: string, subject: string): string {
  const root = join(import.meta.dirname, '../../../..')
  const args = [
    join(root, 'apps/cli/dist/main.js'),
    'token',
    '--token-key-file',
    keyFile,
    '--subject',
    subject,
  ]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
}
