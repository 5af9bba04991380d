import { expect, test } from '@jest/globals'
import * as kit from '../src/index.ts'

test('the public exports are these', () => {
  const names = `Backoff ByteBudget CodedError ConfigError Lifecycle REQUIRED CAPACITY_WAIT_MS Renewal RunLoop CoalescedCall TokenBucket bytes choice count defineOptions flag helpTable helpText
    list ms peekOption readConfig secret systemClock text url variableOf variablesOf withAnySignal`
  expect(Object.keys(kit).sort()).toEqual(names.split(/\s+/).sort())
})
