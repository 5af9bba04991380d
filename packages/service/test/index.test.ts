import { expect, test } from '@jest/globals'
import * as service from '../src/index.ts'

test('the public exports are these', () => {
  const names = `ResponseBudget BodyBudget ClientGone Drain EventStreams HttpShell Metrics RouteTable TokenVerifier
    Upgrades documentParameters encodeEvent endWithBytes endWithText exitCodes isExpired keySetCheck lastEventIdOf
    normalizeUrl openApp packageVersion parameterOf publicKeysCheck readPublicKeys receiveBody runService
    addGuardMetrics authorize secretCheck sendProblem serviceOptions startService`
  expect(Object.keys(service).sort()).toEqual(names.split(/\s+/).sort())
})
