import { expect, test } from '@jest/globals'
import { Metrics } from '../src/index.ts'

test('values are read when scraped, and removed labels disappear', async () => {
  const metrics = new Metrics()
  const state = { hits: 1, reasons: ['a', 'b'] }
  metrics.counter('hits_total', 'Hits.', [], () => state.hits)
  metrics.gauge('waiting', 'Waiting.', ['why'], () =>
    state.reasons.map((why, at) => ({ labels: { why }, value: at })),
  )
  expect(await metrics.text()).toMatch(/^freshet_hits_total 1$[\s\S]*^freshet_waiting\{why="b"\} 1$/m)
  Object.assign(state, { hits: 7, reasons: ['c'] })
  const text = await metrics.text()
  expect(text).toMatch(/^freshet_hits_total 7$/m)
  expect(text.match(/^freshet_waiting.*$/gm)).toEqual(['freshet_waiting{why="c"} 0'])
})

test('a gauge without a value is absent, not 0', async () => {
  const metrics = new Metrics()
  const state: { age: number | undefined } = { age: undefined }
  metrics.gauge('age_seconds', 'Age.', [], () => state.age ?? [])
  expect(await metrics.text()).not.toMatch(/^freshet_age_seconds/m)
  state.age = 3
  expect(await metrics.text()).toMatch(/^freshet_age_seconds 3$/m)
  state.age = undefined
  expect(await metrics.text()).not.toMatch(/^freshet_age_seconds/m)
})

test('a duplicate or malformed name is refused', () => {
  const metrics = new Metrics()
  metrics.counter('a_total', 'A.', [], () => 1)
  expect(() => metrics.gauge('a_total', 'A.', [], () => 1)).toThrow()
  expect(() => metrics.gauge('a b', 'A.', [], () => 1)).toThrow()
})

test('a histogram counts values by bucket', async () => {
  const metrics = new Metrics()
  const observe = metrics.histogram('lag_seconds', 'Lag.', [0.1, 1])
  for (const value of [0.05, 0.5, 5]) observe(value)
  const text = await metrics.text()
  expect(text.match(/^freshet_lag_seconds.*$/gm)).toEqual([
    'freshet_lag_seconds_bucket{le="0.1"} 1',
    'freshet_lag_seconds_bucket{le="1"} 2',
    'freshet_lag_seconds_bucket{le="+Inf"} 3',
    'freshet_lag_seconds_sum 5.55',
    'freshet_lag_seconds_count 3',
  ])
})
