import type { TestDatabase } from '@freshet/testkit'
import { requestOf } from '../shared/load.ts'
import { tokenOf } from '../shared/tokens.ts'
import {
  Contestants,
  fillReader,
  startNginx,
  startPeer,
  startService,
  type Contestant,
} from './contestant.ts'
import { alternate, figure, mongodCpuSeconds, openOrders, ratioOf, roundsOr, type Row } from './rounds.ts'
import { cachedOrders, collection, idOf } from './world.ts'

const hits = { rounds: roundsOr(9), requests: 8_000 }
const misses = { rounds: roundsOr(7), requests: 2_000 }
const missable = (misses.rounds + 1) * misses.requests

/** A contestant, and what its clients send for a document. */
interface Served {
  readonly contestant: Contestant
  readonly requestFor: (index: number) => Buffer
}

interface Cost {
  readonly serverUs: number
  readonly mongodbUs: number
}

async function costOf(
  database: TestDatabase,
  served: Served,
  count: number,
  next: () => Buffer,
): Promise<Cost> {
  const cpu = async () => [await served.contestant.cpuSeconds(), await mongodCpuSeconds(database)] as const
  const before = await cpu()
  await served.contestant.clients.send(count, next, 200)
  const after = await cpu()
  const us = (index: 0 | 1): number => ((after[index] - before[index]) / count) * 1e6
  return { serverUs: us(0), mongodbUs: us(1) }
}

const column = (costs: readonly Cost[] | undefined, name: keyof Cost): readonly number[] =>
  (costs ?? []).map((cost) => cost[name])

/** Reads of cached documents and of others, beside servers that cache. */
export async function comparedGets(): Promise<readonly Row[]> {
  await using database = await openOrders(cachedOrders + missable)
  await using started = new Contestants()
  const add = async (
    starting: Promise<Contestant>,
    path = `/${collection}`,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Served> => ({
    contestant: await started.add(starting),
    requestFor: (index) => requestOf('GET', `${path}/${idOf(index)}`, headers),
  })
  const path = `/v1/${collection}`
  const bearer = { Authorization: `Bearer ${tokenOf('bench')}` }
  const reader = await add(startService('reader', database), path)
  await fillReader(reader.contestant, cachedOrders)
  const authenticated = await add(startService('reader', database, { access: 'authenticated' }), path, bearer)
  await fillReader(authenticated.contestant, cachedOrders, bearer)
  const bare = await add(startPeer('bare node:http, Map', 'bare-server.ts', database))
  const fastify = await add(startPeer('fastify, lru-cache', 'fastify-server.ts', database, 'fill'))
  const express = await add(startPeer('Express, lru-cache', 'express-server.ts', database, 'fill'))
  const served = [reader, authenticated, bare, fastify, express]
  const nginx = await startNginx('nginx, proxy_cache', bare.contestant.port)
  if (nginx) {
    const cache = await add(Promise.resolve(nginx))
    let next = 0
    await nginx.clients.send(cachedOrders, () => cache.requestFor(next++), 200)
    served.push(cache)
  } else console.log('without nginx, which is not installed')

  const any = (): number => Math.floor(Math.random() * cachedOrders)
  const byHit = await alternate(served, hits.rounds, (one) =>
    costOf(database, one, hits.requests, () => one.requestFor(any())),
  )
  const ofReader = column(byHit[0], 'serverUs')
  const wanted = ['', '', 'at most 1', '', '', '']
  const rows = served.map(({ contestant }, index): Row => {
    const own = column(byHit[index], 'serverUs')
    const withToken = ratioOf(column(byHit[1], 'serverUs'), own)
    return {
      part: 'GET, hit',
      contestant: index === 1 ? 'reader, with a token' : contestant.name,
      seen: figure(own, 'us', 1),
      mongodb: '',
      ratio: index < 2 ? '' : `${ratioOf(ofReader, own)}; with a token ${withToken}`,
      wanted: wanted[index] ?? '',
    }
  })

  let nextMiss = [cachedOrders, cachedOrders]
  const missing = [reader, fastify]
  const byMiss = await alternate(missing, misses.rounds, async (one) => {
    const which = missing.indexOf(one)
    return await costOf(database, one, misses.requests, () => {
      const index = nextMiss[which] ?? 0
      nextMiss[which] = index + 1
      return one.requestFor(index)
    })
  })
  const missRows = missing.map(({ contestant }, index): Row => {
    const ratio = (name: keyof Cost) => ratioOf(column(byMiss[0], name), column(byMiss[index], name))
    return {
      part: 'GET, miss',
      contestant: index === 0 ? contestant.name : 'fastify, findOne',
      seen: figure(column(byMiss[index], 'serverUs'), 'us'),
      mongodb: figure(column(byMiss[index], 'mongodbUs'), 'us'),
      ratio: index === 0 ? '' : `${ratio('serverUs')}; MongoDB ${ratio('mongodbUs')}`,
      wanted: index === 0 ? '' : 'at most 0.5',
    }
  })
  return [...rows, ...missRows]
}
