import { expect, test } from '@jest/globals'
import * as service from '../src/index.ts'

test('the public names are these', () => {
  const names = `AnswerRoom BodyBudget ClientGone HttpShell Metrics TokenVerifier endWithBytes endWithText exitCodes keySetCheck
    packageVersion publicKeysCheck readPublicKeys receiveBody runService secretCheck sendProblem
    serviceOptions startService`
  expect(Object.keys(service).sort()).toEqual(names.split(/\s+/).sort())
})
