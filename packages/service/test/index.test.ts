import { expect, test } from '@jest/globals'
import * as service from '../src/index.ts'

test('the public names are these', () => {
  const names = `AnswerRoom BodyBudget ClientGone Drain EventStreams HttpShell Metrics RouteTable TokenVerifier
    Upgrades documentNames encodeEvent endWithBytes endWithText exitCodes keySetCheck lastEventIdOf
    normalUrl openApp packageVersion parameterOf publicKeysCheck readPublicKeys receiveBody runService
    secretCheck sendProblem serviceOptions startService`
  expect(Object.keys(service).sort()).toEqual(names.split(/\s+/).sort())
})
