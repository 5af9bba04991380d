import { expect, test } from '@jest/globals'
import * as service from '../src/index.ts'

test('the public names are these', () => {
  const names = `BodyBudget ClientGone HttpShell Metrics TokenVerifier endWithBytes endWithText exitCodes keySetCheck
    packageVersion publicKeysCheck readPublicKeys receiveBody roomForAnswer runService secretCheck sendProblem
    serviceOptions startService waitForAnswerRoom`
  expect(Object.keys(service).sort()).toEqual(names.split(/\s+/).sort())
})
