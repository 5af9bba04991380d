import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a failed command printed. */
export class KubectlError extends Error {
  override readonly name = 'KubectlError'
}

/** A Kubernetes object, as far as it is used here. */
export interface Item {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

/** The cluster of `KUBECONFIG`, seen through `kubectl`. */
export class Kubectl {
  readonly #namespace: string

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  in(namespace: string): Kubectl {
    return new Kubectl(namespace)
  }

  /** Runs `kubectl` and returns its output. @throws {KubectlError} */
  async run(args: readonly string[], { input = '', withinMs = 120_000 } = {}): Promise<string> {
    try {
      const child = run('kubectl', ['--namespace', this.#namespace, ...args], {
        maxBuffer: 64 * 2 ** 20,
        timeout: withinMs,
      })
      child.child.stdin?.end(input)
      return (await child).stdout
    } catch (error) {
      const printed =
        error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
      throw new KubectlError(`kubectl ${args.slice(0, 4).join(' ')}: ${printed}`)
    }
  }

  async apply(yaml: string): Promise<void> {
    await this.run(['apply', '--filename', '-'], { input: yaml })
  }

  /** All objects of a kind, or those with some labels. */
  async list(kind: string, labels = ''): Promise<readonly Item[]> {
    const args = ['get', kind, '--output', 'json', ...(labels === '' ? [] : ['--selector', labels])]
    const { items }: { items: readonly Item[] } = JSON.parse(await this.run(args))
    return items
  }

  async get(kind: string, name: string): Promise<Item> {
    return JSON.parse(await this.run(['get', kind, name, '--output', 'json']))
  }

  /** Waits until a Deployment has rolled out. */
  async rolledOut(name: string, withinSeconds = 300): Promise<void> {
    const args = ['rollout', 'status', `deployment/${name}`, `--timeout=${withinSeconds}s`]
    await this.run(args, { withinMs: (withinSeconds + 10) * 1_000 })
  }

  /** Restarts the pods of a Deployment one by one, and waits. */
  async restart(name: string): Promise<void> {
    await this.run(['rollout', 'restart', `deployment/${name}`])
    await this.rolledOut(name)
  }

  /** @param patch a strategic merge patch. */
  async patch(target: string, patch: unknown, type = 'strategic'): Promise<void> {
    await this.run(['patch', target, `--type=${type}`, '--patch', JSON.stringify(patch)])
  }

  /** How often containers of a namespace were restarted, all together. */
  async restarts(labels: string): Promise<number> {
    const pods = await this.list('pods', labels)
    return pods.reduce((sum, pod) => sum + restartsOf(pod), 0)
  }

  /** Runs a program in a pod. */
  async exec(pod: string, ...command: readonly string[]): Promise<string> {
    return this.run(['exec', pod, '--', ...command])
  }

  /** Requests a path of a program of the folder `pods`, which listens on port 9000 inside its pod. */
  async ask(pod: string, path: string): Promise<string> {
    const script = `fetch('http://127.0.0.1:9000${path}').then(async (a) => console.log(await a.text()))`
    return this.run(['exec', pod, '--', 'node', '-e', script], { withinMs: 240_000 })
  }
}

function restartsOf(pod: Item): number {
  const statuses = pod.status?.['containerStatuses']
  if (!Array.isArray(statuses)) return 0
  return statuses.reduce((sum: number, { restartCount }: { restartCount: number }) => sum + restartCount, 0)
}
