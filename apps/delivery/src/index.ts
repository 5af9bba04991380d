export { openBackend } from './backend/backend.ts'
export { Connection } from './connection.ts'
export type {
  ChangeContent,
  DeliveredMessage,
  FeedBatch,
  FeedChange,
  FeedPoint,
  FeedSink,
  FeedStart,
  Tickets,
  TokenCheck,
  TokenClaims,
  TokenOutcome,
  UserReads,
  UserState,
} from './contract.ts'
export { Delivery } from './delivery.ts'
export type { DeliveryFigures, DeliveryParts } from './delivery.ts'
export { deliveryApp } from './delivery-app.ts'
export type { DeliveryApp, DeliveryAppParts } from './delivery-app.ts'
export { deliveryService, deliveryServiceOptions } from './delivery-service.ts'
export type { DeliveryServiceParts } from './delivery-service.ts'
export { LagMeter } from './lag.ts'
export type { LagFigures } from './lag.ts'
export { openEventStream } from './transports/event-stream.ts'
export type { EventStreamCall } from './transports/event-stream.ts'
export { handshake } from './transports/handshake.ts'
export type { Handshake } from './transports/handshake.ts'
export { openWebSocket } from './transports/web-socket.ts'
export type { WebSocketLike } from './transports/web-socket.ts'
export { epochOf } from './offset.ts'
export { deliveryOptions } from './options.ts'
export type { DeliveryConfig } from './options.ts'
export { closes, errors } from './protocol/codes.ts'
export { FRAME_LIMITS } from './protocol/read-frame.ts'
export { frameSchemas } from './protocol/schemas.ts'
export type { Socket } from './socket.ts'
