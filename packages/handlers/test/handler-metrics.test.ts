import { expect, test } from '@jest/globals'
import { currentCause } from '../src/cause.ts'
import { handlerMetrics } from '../src/handler-metrics.ts'
import { change, never, serviceOf } from './support.ts'

test('G7.5 handler metrics are available in Prometheus text format', async () => {
  const { handlers } = serviceOf()
  const handle = (): void => void currentCause()?.judge({ collections: ['stock'], keys: ['stock/1'] })
  const quiet = { name: 'quiet', collections: ['orders'], handle }
  const loud = { ...quiet, name: 'loud', allowWrites: [{ collection: 'stock', reason: 'a test' }] }
  await handlers.add(quiet).hear(change('orders/1'), never)
  const runs = handlers.add(loud)
  for (let n = 0; n < 101; n += 1) await runs.hear(change('orders/1'), never)
  const text = handlerMetrics(handlers.status())
  const lines = text.split('\n')
  expect(lines.filter((line) => line.includes('s/loud'))).toEqual([
    'freshet_handler_heard_total{handler="s/loud"} 101',
    'freshet_handler_failed_total{handler="s/loud"} 1',
    'freshet_handler_resets_total{handler="s/loud"} 0',
    'freshet_handler_writes_total{handler="s/loud"} 100',
    'freshet_handler_refusals_total{handler="s/loud",reason="undeclared"} 0',
    'freshet_handler_refusals_total{handler="s/loud",reason="own-entry"} 0',
    'freshet_handler_refusals_total{handler="s/loud",reason="too-many-hops"} 0',
    'freshet_handler_refusals_total{handler="s/loud",reason="breaker"} 1',
    'freshet_handler_refusals_total{handler="s/loud",reason="stale-context"} 0',
    'freshet_handler_unseen_starts_total{handler="s/loud"} 0',
    'freshet_handler_open_breakers{handler="s/loud"} 1',
  ])
  expect(lines).toContain('freshet_handler_refusals_total{handler="s/quiet",reason="undeclared"} 1')
  // Each metric is described once, before its values, and the text ends with a newline.
  const names = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
  expect(new Set(names).size).toBe(names.length)
  expect(text.endsWith('1\n')).toBe(true)
  for (const line of lines.filter((line) => line !== '' && !line.startsWith('#')))
    expect(names).toContain(line.split('{')[0])
})
