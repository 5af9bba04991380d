import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { eventually, fromSource } from '@freshet/testkit'
import { Child } from '../src/dev/child.ts'
import type { ChildOptions } from '../src/dev/child.ts'
import type { PortPair } from '../src/dev/ports.ts'
import { ServicePart } from '../src/dev/service-part.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-child-'))
afterAll(() => rmSync(folder, { recursive: true }))

const support = join(import.meta.dirname, 'support')
const nodeArgs = [...fromSource, `--import=${join(import.meta.dirname, '../src/dev/end-with-parent.ts')}`]
const runs = (pid: number | undefined): boolean => existsSync(`/proc/${pid}`)

function optionsFor(behaviour: string, said: string[]): ChildOptions {
  return {
    name: 'reader 1',
    main: join(support, 'service.mjs'),
    args: [behaviour],
    nodeArgs,
    env: process.env,
    logFile: join(folder, `${behaviour}.log`),
    say: (text) => said.push(text),
  }
}

function partFor(behaviour: string, options: { readonly restarts?: true } = {}) {
  const said: string[] = []
  const ports: (PortPair | undefined)[] = []
  const ends: string[] = []
  const context = {
    env: {},
    cwd: folder,
    clock: systemClock,
    readFile: () => '',
    print: () => undefined,
    say: (text: string) => void said.push(text),
    stopped: new AbortController().signal,
  }
  const child = (earlier?: PortPair): ChildOptions => {
    ports.push(earlier)
    return optionsFor(behaviour, said)
  }
  return {
    said,
    ends,
    ports,
    part: new ServicePart({ context, name: 'reader 1', child, onEnd: (how) => ends.push(how), ...options }),
  }
}

test('a service has started once it is ready, and its warnings are printed', async () => {
  const { part, said, ends } = partFor('good')
  await part.start()
  expect(part.endpoints.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(said).toEqual(
    ['loud: why', 'cut: LOST: why', 'cut: LOST: why', 'refused: orders: a view'].map(
      (text) => `[reader 1] ${text}`,
    ),
  )
  await part.stop()
  expect(ends).toEqual([])
  expect(readFileSync(join(folder, 'good.log'), 'utf8')).toContain('"msg":"quiet"')
})

test('a service that ends before its ports are open fails the start, with its output', async () => {
  const { part, said } = partFor('broken')
  await expect(part.start()).rejects.toThrow(/^CHILD_ENDED: reader 1 ended with exit code 78/)
  expect(said).toEqual(['[reader 1] no such option'])
})

test('a killed service is reported; a stopped one is not', async () => {
  const said: string[] = []
  const child = new Child(optionsFor('good', said))
  await child.endpoints()
  process.kill(child.pid ?? 0, 'SIGKILL')
  expect(await child.ended).toBe('reader 1 ended with SIGKILL')
  await eventually(() => expect(runs(child.pid)).toBe(false))
})

test('a service that is killed starts again after its time away, on its ports, unless everything stops', async () => {
  const { part, said, ends, ports } = partFor('good', { restarts: true })
  await part.start()
  const { port } = new URL(part.endpoints.url)
  part.kill(1)
  await eventually(() => expect(ports).toHaveLength(2))
  expect(ports[1]).toEqual({ port: Number(port), managementPort: Number(port) })
  expect(said).toContain('reader 1 ended with SIGKILL: starting it again in 0.001 s.')
  // It is starting: it would be away for too long if it were killed again.
  part.kill(3_600_000)
  await eventually(() => expect(part.ready).toBe(true))
  part.kill(3_600_000)
  await eventually(() => expect(part.ready).toBe(false))
  await part.stop()
  expect([ends, ports.length]).toEqual([[], 2])
})
