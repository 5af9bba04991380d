/**
 * Codes of a connection that was never opened: https://nodejs.org/api/errors.html#common-system-errors and
 * https://undici.nodejs.org/#/docs/api/Errors.
 */
const unconnected: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether a rejection of `fetch` proves that no byte of the request left. */
export function neverSent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('cause' in error)) return false
  const { cause } = error
  return typeof cause === 'object' && cause !== null && 'code' in cause && unconnected.has(cause.code)
}
