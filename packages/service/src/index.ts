export { authorize, isExpired, TokenVerifier } from './admission.ts'
export type { TokenVerifierOptions } from './admission.ts'
export { ClientGone, endWithBytes, endWithText, ResponseBudget, sendProblem } from './answers.ts'
export { BodyBudget } from './body-budget.ts'
export type { BodyBudgetParts, BodyShare } from './body-budget.ts'
export { Drain } from './drain.ts'
export type { Drainable, Grace } from './drain.ts'
export { encodeEvent, lastEventIdOf } from './event-stream.ts'
export type { EventStream, ServerEvent, StreamEnd } from './event-stream.ts'
export { EventStreams } from './event-streams.ts'
export type { EventStreamsOptions, OpenStreamOptions } from './event-streams.ts'
export type { InFlight } from './in-flight.ts'
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
export { addGuardMetrics } from './guard-metrics.ts'
export type { GuardReport } from './guard-metrics.ts'
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
export { documentParameters, normalizeUrl, parameterOf } from './path-pattern.ts'
export { RouteTable } from './route-table.ts'
export type {
  Call,
  Method,
  Need,
  RequestHead,
  Route,
  RoutePath,
  RouteTableOptions,
  RunningRequests,
  Who,
} from './route-table.ts'
export { readPublicKeys } from './key-set.ts'
export { secretCheck, keySetCheck, publicKeysCheck } from './token-check.ts'
export type { TokenCheck, TokenTerms } from './token-check.ts'
export { Upgrades } from './upgrades.ts'
export type { UpgradeCall, UpgradeRoute, UpgradesOptions } from './upgrades.ts'
