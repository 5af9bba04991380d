import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { publicKeysCheck, readPublicKeys, secretCheck } from '@freshet/service'
import { signToken } from '../src/sign-token.ts'
import { newTokenKey, privateKeyIn, publicKeysOf, sharedSecretIn } from '../src/token-key.ts'

const secret = createSecretKey(Buffer.from('s'.repeat(32)))
const content = { subject: 'ann', roles: ['clerk'], issuer: 'i', audience: 'a', forMs: 60_000 }
const terms = { issuer: 'i', audience: 'a' }
const check = secretCheck('s'.repeat(32), terms)

test('services accept a signed token with its subject and roles', async () => {
  expect(await check(await signToken(secret, content))).toMatchObject({ sub: 'ann', roles: ['clerk'] })
})

test('G6.6 a token contains the handlers it writes for, and no such claim if there are none', async () => {
  const { freshet_handlers: handlers } = await check(
    await signToken(secret, { ...content, handlers: ['stock'] }),
  )
  expect(handlers).toEqual(['stock'])
  expect(await check(await signToken(secret, { ...content, handlers: [] }))).not.toHaveProperty(
    'freshet_handlers',
  )
})

test('a token contains the groups that it is signed with, and no such claim if there are none', async () => {
  const { groups } = await check(await signToken(secret, { ...content, groups: ['team'] }))
  expect(groups).toEqual(['team'])
  expect(await check(await signToken(secret, content))).not.toHaveProperty('groups')
})

test('a token with another audience or secret, or an expired one, is refused', async () => {
  await expect(check(await signToken(secret, { ...content, audience: 'b' }))).rejects.toThrow()
  await expect(
    check(await signToken(createSecretKey(Buffer.from('t'.repeat(32))), content)),
  ).rejects.toThrow()
  await expect(check(await signToken(secret, { ...content, forMs: -60_000 }))).rejects.toThrow()
})

test('a service with the public half of a key accepts its tokens and cannot sign any', async () => {
  const pem = newTokenKey()
  const published = publicKeysOf(pem)
  expect(Object.keys(JSON.parse(published).keys[0])).toEqual(['crv', 'x', 'kty'])
  const key = privateKeyIn(pem)
  if (key === undefined) throw new Error('the new key is invalid')
  const verify = publicKeysCheck(readPublicKeys(published), terms)
  expect(await verify(await signToken(key, content))).toMatchObject({ sub: 'ann' })
  const other = privateKeyIn(newTokenKey())
  if (other === undefined) throw new Error('the new key is invalid')
  await expect(verify(await signToken(other, content))).rejects.toThrow()
  // The service's public key, used as an HS256 secret: https://datatracker.ietf.org/doc/html/rfc8725#section-2.1
  await expect(verify(await signToken(createSecretKey(Buffer.from(published)), content))).rejects.toThrow(
    /alg/,
  )
})

test.each([
  ['rsa', () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
])('a key of %s signs tokens that its PEM verifies', async (_, make) => {
  const { privateKey, publicKey } = make()
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const verify = publicKeysCheck(readPublicKeys(pem + pem), terms)
  expect(await verify(await signToken(privateKey, content))).toMatchObject({ sub: 'ann' })
})

test('an invalid key is undefined', () => {
  expect([privateKeyIn('pem'), sharedSecretIn('short')]).toEqual([undefined, undefined])
})
