/** A pod of the test, as Pod Security `restricted` demands it. `programs` is a ConfigMap with the folder `pods`. */
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
  },
): unknown {
  const { image, node, labels = {}, command, env = [], port, programs = true } = options
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
          ...(programs && {
            volumeMounts: [{ name: 'programs', mountPath: '/programs', readOnly: true }],
          }),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
      ...(programs && { volumes: [{ name: 'programs', configMap: { name: 'programs' } }] }),
    },
  }
}

/** Objects as one document for `kubectl apply`. */
export const listOf = (...items: readonly unknown[]): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
