import { expect, test } from '@jest/globals'
import * as service from '../src/index.ts'

test('the public names are these', () => {
  const names = `BodyBudget ClientGone HttpShell Metrics TokenVerifier endWithText exitCodes keySetCheck receiveBody
    publicKeysCheck readPublicKeys runService secretCheck packageVersion sendProblem serviceOptions startService`
  expect(Object.keys(service).sort()).toEqual(names.split(/\s+/).sort())
})
