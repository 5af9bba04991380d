import type { TestDatabase } from '@freshet/testkit'
import { requestOf } from '../shared/load.ts'
import { tokenOf } from '../shared/tokens.ts'
import { Contestants, startPeer, startService, type Contestant } from './contestant.ts'
import { alternate, figure, mongodCpuSeconds, openOrders, ratioOf, roundsOr, type Row } from './rounds.ts'
import { collection, order } from './world.ts'

const rounds = roundsOr(7)
/** Enough for the code of all to be compiled. */
const warmUpRounds = 4
const requests = 2_000

interface Cost {
  readonly serverUs: number
  readonly mongodbUs: number
  readonly perSecond: number
  /** Commands of one request. */
  readonly commands: Readonly<Record<string, number>>
}

/** How often each command ran so far. */
async function commandsOf(database: TestDatabase): Promise<ReadonlyMap<string, number>> {
  const { metrics } = await database.admin.db('admin').command({ serverStatus: 1, metrics: 1 })
  const all: Readonly<Record<string, { readonly total?: unknown }>> = metrics.commands
  return new Map(Object.entries(all).map(([name, { total }]) => [name, Number(total ?? 0)]))
}

async function costOf(
  database: TestDatabase,
  { contestant, request }: { readonly contestant: Contestant; readonly request: Buffer },
): Promise<Cost> {
  const cpu = async () => [await contestant.cpuSeconds(), await mongodCpuSeconds(database)] as const
  const commandsBefore = await commandsOf(database)
  const before = await cpu()
  const beganMs = performance.now()
  await contestant.clients.send(requests, () => request, 201)
  const tookMs = performance.now() - beganMs
  const after = await cpu()
  const commands = [...(await commandsOf(database))]
    .map(([name, total]) => [name, (total - (commandsBefore.get(name) ?? 0)) / requests] as const)
    .filter(([name, count]) => count >= 0.005 && name !== 'serverStatus')
  const us = (index: 0 | 1): number => ((after[index] - before[index]) / requests) * 1e6
  return {
    serverUs: us(0),
    mongodbUs: us(1),
    perSecond: (requests / tookMs) * 1_000,
    commands: Object.fromEntries(commands),
  }
}

/** Creates documents of 870 bytes, beside routes that insert as durably. */
export async function comparedPosts(): Promise<readonly Row[]> {
  await using database = await openOrders(0)
  await using started = new Contestants()
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${tokenOf('bench')}` }
  const add = async (starting: Promise<Contestant>, path: string) => {
    const contestant = await started.add(starting)
    const request = requestOf('POST', path, headers, JSON.stringify(order))
    const { status, body } = await contestant.clients.ask(request)
    const { id, ...fields } = JSON.parse(body)
    if (status !== 201 || id === undefined || JSON.stringify(fields) !== JSON.stringify(order))
      throw new Error(`${contestant.name} answered ${status}: ${body}`)
    return { contestant, request }
  }
  const contestants = [
    await add(startService('writer', database), `/v1/${collection}`),
    await add(startPeer('bare node:http, insertOne', 'bare-server.ts', database), `/${collection}`),
    await add(startPeer('fastify, insertOne', 'fastify-server.ts', database), `/${collection}`),
    await add(startPeer('Express, insertOne', 'express-server.ts', database), `/${collection}`),
  ]
  const costs = await alternate(contestants, rounds, (one) => costOf(database, one), warmUpRounds)
  const column = (index: number, name: 'serverUs' | 'mongodbUs'): readonly number[] =>
    (costs[index] ?? []).map((cost) => cost[name])
  for (const [index, { contestant }] of contestants.entries()) {
    const ofOne = costs[index] ?? []
    const counts = Object.entries(ofOne.at(-1)?.commands ?? {}).map(([name, n]) => `${name} ${n.toFixed(2)}`)
    const rate = figure(
      ofOne.map(({ perSecond }) => perSecond),
      'POST/s',
    )
    console.log(`${contestant.name}: ${rate}; commands of one POST: ${counts.join(', ')}`)
  }
  const wanted = ['', '', 'at most 1.15; MongoDB 1', '']
  return contestants.map(({ contestant }, index): Row => {
    const ratio = (name: 'serverUs' | 'mongodbUs') => ratioOf(column(0, name), column(index, name))
    return {
      part: 'POST of 870 B',
      contestant: contestant.name,
      seen: figure(column(index, 'serverUs'), 'us'),
      mongodb: figure(column(index, 'mongodbUs'), 'us'),
      ratio: index === 0 ? '' : `${ratio('serverUs')}; MongoDB ${ratio('mongodbUs')}`,
      wanted: wanted[index] ?? '',
    }
  })
}
