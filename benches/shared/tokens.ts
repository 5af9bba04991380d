import { createHmac } from 'node:crypto'

export const secret = 'a secret of the benches that is long enough'

/** A token of the service's own issuer, for an hour. */
export function tokenOf(user: string): string {
  const now = Math.floor(Date.now() / 1_000)
  const claims = { sub: user, iss: 'freshet', aud: 'freshet', iat: now - 1, exp: now + 3_600 }
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
