import { expect, test } from '@jest/globals'
import { secretCheck, TokenVerifier } from '@freshet/service'
import { ProblemError } from '@freshet/protocol'
import { createHmac } from 'node:crypto'
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose'
import { SignedTickets, VerifiedTokens } from '../src/tokens.ts'

const secret = 'a secret that has more than 32 bytes'
const key = new TextEncoder().encode(secret)
const nowS = Math.floor(Date.now() / 1_000)
const good = { sub: 'ann', iss: 'freshet', aud: 'freshet', iat: nowS - 5, exp: nowS + 60, groups: ['team'] }
const clock = { wallMs: () => Date.now() }

const sign = (payload: JWTPayload, alg = 'HS256', by = key): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg }).sign(by)

const without = (name: keyof typeof good): JWTPayload => {
  const { [name]: _, ...rest } = good
  return rest
}

const tokens = new VerifiedTokens(
  new TokenVerifier({
    check: secretCheck(secret, { issuer: 'freshet', audience: 'freshet' }),
    wallMs: () => Date.now(),
    maxDays: 366,
    maxCached: 10,
  }),
  clock,
)

test('D34 a valid token has its times and groups', async () => {
  expect(await tokens.check(await sign(good))).toMatchObject({
    kind: 'valid',
    claims: { sub: 'ann', expiresAt: good.exp, issuedAt: good.iat, groups: ['team'] },
  })
  const { iat: _iat, groups: _groups, ...bare } = good
  expect(await tokens.check(await sign(bare))).toMatchObject({ claims: { issuedAt: 0, groups: [] } })
})

/** https://www.rfc-editor.org/rfc/rfc8725 */
test.each<[string, () => string | Promise<string>]>([
  ['without algorithm', () => new UnsecuredJWT(good).encode()],
  ['without algorithm but with a signature', () => `${new UnsecuredJWT(good).encode()}AA`],
  ['of another algorithm', () => sign(good, 'HS384', new Uint8Array(48))],
  ['of another key', () => sign(good, 'HS256', new Uint8Array(32))],
  ['of another issuer', () => sign({ ...good, iss: 'other' })],
  ['for another audience', () => sign({ ...good, aud: 'other' })],
  ['for event streams', () => sign({ ...good, aud: 'sse' })],
  ['that is not valid yet', () => sign({ ...good, nbf: nowS + 60 })],
  ['without a subject', () => sign(without('sub'))],
  ['without an expiry', () => sign(without('exp'))],
  ['that expires in years', () => sign({ ...good, exp: nowS + 400 * 86_400 })],
  ['that expired, of another key', () => sign({ ...good, exp: nowS - 60 }, 'HS256', new Uint8Array(32))],
  ['that expired, of another issuer', () => sign({ ...good, exp: nowS - 60, iss: 'other' })],
  ['whose payload was replaced', async () => (await sign(good)).replace(/\.[^.]+\./, `.${forged}.`)],
  [
    'that was issued in the future, so that revocations would not reach it',
    () => sign({ ...good, iat: 2 ** 40 }),
  ],
  ['whose key is in its header', () => withHeader({ jwk: { kty: 'oct', k: 'AA' } }, new Uint8Array(1))],
  ['whose key id is a path', () => withHeader({ kid: '/dev/null' }, new Uint8Array(0))],
  [
    'with keys elsewhere',
    () => withHeader({ jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' }, new Uint8Array(9)),
  ],
  ['with an unknown extension', () => withHeader({ crit: ['x'], x: 1 }, key)],
  ['whose sub is a number', () => raw({ ...good, sub: 5 })],
  ['whose sub is empty', () => raw({ ...good, sub: '' })],
  ['whose sub is too long', () => raw({ ...good, sub: 'a'.repeat(257) })],
  ['whose sub has a control character', () => raw({ ...good, sub: 'a\nb' })],
  ['whose sub has a lone surrogate', () => raw({ ...good, sub: 'a\ud800' })],
  ['whose expiry is a text', () => raw({ ...good, exp: '9999999999' })],
  ['whose expiry is beyond numbers', () => raw({ ...good, exp: 1e300 })],
  ['that is a list', () => raw([good])],
  ['that is no token', () => 'a.b.c'],
  ['that is empty', () => ''],
  ['with a space', async () => `${await sign(good)} ${await sign(good)}`],
])('D34 a token %s is invalid', async (_, make) => {
  expect(await tokens.check(await make())).toEqual({ kind: 'invalid' })
})

/** A token with more in its header, signed with this key. */
function withHeader(more: object, by: Uint8Array): string {
  const signed = [{ alg: 'HS256', ...more }, good].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return [...signed, createHmac('sha256', by).update(signed.join('.')).digest('base64url')].join('.')
}

/** A token with any payload, well signed. */
function raw(payload: unknown): string {
  const signed = [{ alg: 'HS256' }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return [...signed, createHmac('sha256', key).update(signed.join('.')).digest('base64url')].join('.')
}

const forged = Buffer.from(JSON.stringify({ ...good, sub: 'bob' })).toString('base64url')

test('D34 an expired token is told from an invalid one, and from one that cannot be verified now', async () => {
  expect(await tokens.check(await sign({ ...good, exp: nowS - 60 }))).toEqual({ kind: 'expired' })
  const unavailable = new VerifiedTokens(
    { verify: () => Promise.reject(new ProblemError('unavailable', { detail: 'no keys' })) },
    clock,
  )
  expect(await unavailable.check(await sign(good))).toEqual({ kind: 'unavailable' })
})

const claims = { sub: 'ann', expiresAt: nowS + 3_600, issuedAt: nowS, groups: ['team'] }

test('D54 a ticket stands for the claims of its token at every instance that has the secret, for 30 s', async () => {
  let wallMs = Date.now()
  const here = new SignedTickets(secret, { wallMs: () => wallMs })
  const there = new SignedTickets(secret, { wallMs: () => wallMs })
  const ticket = await here.issue(claims)
  expect(await there.check(ticket)).toEqual({ kind: 'valid', claims })
  wallMs += 29_000
  expect(await there.check(ticket)).toEqual({ kind: 'valid', claims })
  wallMs += 2_000
  expect(await there.check(ticket)).toEqual({ kind: 'expired' })
})

test('D54 a ticket of another secret is invalid; a ticket is no token, and a token no ticket', async () => {
  const tickets = new SignedTickets(secret, clock)
  const foreign = new SignedTickets(`${secret} of others`, clock)
  const ticket = await tickets.issue(claims)
  expect(await foreign.check(ticket)).toEqual({ kind: 'invalid' })
  // Even with one secret for both.
  expect(await tokens.check(ticket)).toEqual({ kind: 'invalid' })
  expect(await tickets.check(await sign(good))).toEqual({ kind: 'invalid' })
  for (const token of [undefined, 1, {}, { expiresAt: 1, issuedAt: 1 }])
    expect(await tickets.check(await sign({ sub: 'ann', aud: 'sse', exp: nowS + 30, token }))).toEqual({
      kind: 'invalid',
    })
  for (const text of ['', 'a.b.c', new UnsecuredJWT({ ...good, aud: 'sse' }).encode()])
    expect(await tickets.check(text)).toEqual({ kind: 'invalid' })
})

test.each([['$where'], ['__proto__'], ['constructor'], ['a.b'], ['#ann'], ['é😀'], [' ']])(
  'D34 a user may be called %j',
  async (sub) => {
    expect(await tokens.check(await sign({ ...good, sub }))).toMatchObject({ kind: 'valid', claims: { sub } })
  },
)

test.each([['team'], [[1]], [{}], [null], [['team', 5]]])(
  'D34 groups that are %j are none',
  async (groups) => {
    expect(await tokens.check(raw({ ...good, groups }))).toMatchObject({
      kind: 'valid',
      claims: { groups: [] },
    })
  },
)

test('D54 a ticket is not good for longer than its token', async () => {
  let wallMs = Date.now()
  const tickets = new SignedTickets(secret, { wallMs: () => wallMs })
  const ticket = await tickets.issue({ ...claims, expiresAt: Math.floor(wallMs / 1_000) + 10 })
  wallMs += 8_000
  expect(await tickets.check(ticket)).toMatchObject({ kind: 'valid' })
  wallMs += 3_000
  expect(await tickets.check(ticket)).toEqual({ kind: 'expired' })
})
