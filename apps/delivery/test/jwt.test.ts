import { expect, test } from '@jest/globals'
import { secretCheck, TokenVerifier } from '@freshet/service'
import { ProblemError } from '@freshet/protocol'
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
  expect(await tokens.check(await sign(good))).toEqual({
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
  ['that is no token', () => 'a.b.c'],
  ['that is empty', () => ''],
  ['with a space', async () => `${await sign(good)} ${await sign(good)}`],
])('D34 a token %s is invalid', async (_, make) => {
  expect(await tokens.check(await make())).toEqual({ kind: 'invalid' })
})
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
