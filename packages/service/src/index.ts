export { authorize } from './admission.ts'
export { BodyBudget } from './body-budget.ts'
export type { BodyBudgetParts } from './body-budget.ts'
export type { BodyShare } from './body-share.ts'
export { ClientGone } from './client-gone.ts'
export { ResponseBudget, endWithBytes } from './response-budget.ts'
export { Drain } from './drain.ts'
export type { Drainable, Grace } from './drain.ts'
export { lastEventIdOf } from './event-stream.ts'
export type { EventStream, StreamEnd } from './event-stream.ts'
export { EventStreams } from './event-streams.ts'
export type { EventStreamsOptions, OpenStreamOptions } from './event-streams.ts'
export { encodeEvent } from './server-event.ts'
export type { ServerEvent } from './server-event.ts'
export type { InFlight } from './in-flight.ts'
export { endWithText } from './end-with-text.ts'
export type {
  App,
  Claims,
  Fail,
  Handler,
  Health,
  ServiceStatus,
  ServiceDefinition,
  ServiceTools,
  Verifier,
} from './contract.ts'
export { HttpShell } from './http-shell.ts'
export type { HttpLimits, HttpShellOptions } from './http-shell.ts'
export { Metrics } from './metrics.ts'
export type { Reading, Sample } from './metrics.ts'
export { serviceOptions } from './options.ts'
export type { ServiceConfig } from './options.ts'
export { openApp } from './open-app.ts'
export type { OpenApp, OpenAppOptions } from './open-app.ts'
export { packageVersion } from './package-version.ts'
export { receiveBody } from './receive-body.ts'
export { exitCodes, runService } from './run-service.ts'
export type { HostProcess } from './run-service.ts'
export { startService } from './running-service.ts'
export type { RunningService, StartOptions } from './running-service.ts'
export type { RunningRequests } from './running-requests.ts'
export { documentParameters, normalizeUrl, parameterOf } from './path-pattern.ts'
export type { RequestHead, Call, Method, Need, Route, Who } from './route.ts'
export { RouteTable } from './route-table.ts'
export type { RoutePath, RouteTableOptions } from './route-table.ts'
export { sendProblem } from './send-problem.ts'
export { readPublicKeys } from './key-set.ts'
export { secretCheck, keySetCheck, publicKeysCheck } from './token-check.ts'
export type { TokenCheck, TokenTerms } from './token-check.ts'
export { isExpired, TokenVerifier } from './tokens.ts'
export type { TokenVerifierOptions } from './tokens.ts'
export { Upgrades } from './upgrades.ts'
export type { UpgradeCall, UpgradeRoute, UpgradesOptions } from './upgrades.ts'
