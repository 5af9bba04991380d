import { randomUUID } from 'node:crypto'

/**
 * A UUIDv7 (RFC 9562), which sorts by creation time. Random bits come from a version 4 UUID, which Node.js takes from a pool;
 * `randomBytes` costs 19 us a call.
 */
export function uuidV7(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
