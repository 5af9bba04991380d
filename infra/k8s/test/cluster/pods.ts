import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Kubectl } from './kubectl.ts'

const folder = join(import.meta.dirname, 'pods')

/** Creates the ConfigMap `programs` with the folder `pods`. */
export async function createPrograms(kubectl: Kubectl): Promise<void> {
  const programs = readdirSync(folder).filter((file) => file.endsWith('.mjs'))
  const files = programs.map((file) => `--from-file=${join(folder, file)}`)
  await kubectl.run(['delete', 'configmap', 'programs', '--ignore-not-found'])
  await kubectl.run(['create', 'configmap', 'programs', ...files])
}

/** A pod of the test, as Pod Security `restricted` demands it. `volumes` are the sources of volumes by their path. */
export function podOf(
  name: string,
  options: {
    readonly image: string
    readonly node?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly command: readonly string[]
    readonly env?: readonly unknown[]
    readonly port?: number
    readonly programs?: boolean
    readonly volumes?: Readonly<Record<string, object>>
  },
): unknown {
  const { image, node, labels = {}, command, env = [], port, programs = true } = options
  const volumes = Object.entries({
    ...(programs && { '/programs': { configMap: { name: 'programs' } } }),
    ...options.volumes,
  }).map(([path, source], at) => ({ path, source, volume: `volume-${at}` }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name, ...labels } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      ...(node !== undefined && { nodeName: node }),
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'program',
          image,
          command,
          env,
          ...(port !== undefined && { readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } }),
          volumeMounts: volumes.map(({ path, volume }) => ({
            name: volume,
            mountPath: path,
            readOnly: true,
          })),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
      volumes: volumes.map(({ source, volume }) => ({ name: volume, ...source })),
    },
  }
}

/** Objects as one document for `kubectl apply`. */
export const listOf = (...items: readonly unknown[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
