import type { Kubectl } from './kubectl.ts'

/** Connects from one pod to an address and port, with real packets. */
async function connects(kubectl: Kubectl, pod: string, host: string, port: number): Promise<boolean> {
  const script = `const s = require('net').connect(${port}, '${host}').on('connect', () => end('yes')).on('error', () => end('no'))
function end(text) { console.log(text); process.exit(0) }
setTimeout(() => end('no'), 3000)`
  return (await kubectl.exec(pod, 'node', '-e', script)).trim() === 'yes'
}

/** The network policies, checked between running pods. Requires a network plugin that enforces them. */
export async function policiesHold(kubectl: Kubectl, outside: Kubectl): Promise<string> {
  const pods = async (role: string) =>
    (await kubectl.list('pods', `app.kubernetes.io/name=${role}`)).filter(
      ({ status }) => status?.['phase'] === 'Running',
    )
  const first = async (role: string) => {
    const [pod] = await pods(role)
    if (!pod) throw new Error(`no pod of ${role}`)
    return { name: pod.metadata.name, ip: String(pod.status?.['podIP']) }
  }
  const [reader, writer, delivery, database] = await Promise.all(
    ['freshet-reader', 'freshet-writer', 'freshet-delivery', 'mongodb'].map(first),
  )
  const [, otherReader] = await pods('freshet-reader')
  if (!reader || !writer || !delivery || !database || !otherReader) throw new Error('a pod is missing')
  const gate = String((await outside.get('pod', 'gate')).status?.['podIP'])
  const calls: readonly [
    what: string,
    from: Kubectl,
    pod: string,
    to: string,
    port: number,
    allowed: boolean,
  ][] = [
    ['reader to writer', kubectl, reader.name, writer.ip, 8080, false],
    ['reader to the management of the writer', kubectl, reader.name, writer.ip, 9090, false],
    ['reader to reader', kubectl, reader.name, String(otherReader.status?.['podIP']), 8080, false],
    ['reader to delivery', kubectl, reader.name, delivery.ip, 8080, false],
    ['reader to another pod', kubectl, reader.name, gate, 8080, false],
    ['reader to the database', kubectl, reader.name, database.ip, 27017, true],
    ['delivery to writer', kubectl, delivery.name, writer.ip, 8080, false],
    ['delivery to the database', kubectl, delivery.name, database.ip, 27017, true],
    ['writer to reader', kubectl, writer.name, reader.ip, 8080, false],
    ['writer to the database', kubectl, writer.name, database.ip, 27017, true],
    ['a client to reader', outside, 'load', reader.ip, 8080, true],
    ['a client to writer', outside, 'load', writer.ip, 8080, true],
    ['a client to delivery', outside, 'load', delivery.ip, 8080, true],
    ['a client to the database', outside, 'load', database.ip, 27017, false],
    ['a client to the management of reader', outside, 'load', reader.ip, 9090, false],
  ]
  const wrong: string[] = []
  for (const [what, from, pod, to, port, allowed] of calls)
    if ((await connects(from, pod, to, port)) !== allowed)
      wrong.push(`${what} should be ${allowed ? 'allowed' : 'blocked'}`)
  if (wrong.length > 0) throw new Error(wrong.join('; '))
  const blocked = calls.filter(([, , , , , allowed]) => !allowed).length
  return `${calls.length - blocked} connections allowed, ${blocked} blocked`
}
