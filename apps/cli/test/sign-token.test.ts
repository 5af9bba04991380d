import { expect, test } from '@jest/globals'
import { secretCheck } from '@freshet/service'
import { signToken } from '../src/sign-token.ts'

const secret = 's'.repeat(32)
const content = { subject: 'ann', roles: ['clerk'], issuer: 'i', audience: 'a', forMs: 60_000 }
const check = secretCheck(secret, { issuer: 'i', audience: 'a' })

test('a signed token passes the check of the services and says who and what', async () => {
  expect(await check(await signToken(secret, content))).toMatchObject({ sub: 'ann', roles: ['clerk'] })
})

test('G6.6 a token says for which handlers it writes, and nothing of it when there are none', async () => {
  const { freshet_handlers: handlers } = await check(
    await signToken(secret, { ...content, handlers: ['stock'] }),
  )
  expect(handlers).toEqual(['stock'])
  expect(await check(await signToken(secret, { ...content, handlers: [] }))).not.toHaveProperty(
    'freshet_handlers',
  )
})

test('a token for others, by another secret, or expired is refused', async () => {
  await expect(check(await signToken(secret, { ...content, audience: 'b' }))).rejects.toThrow()
  await expect(check(await signToken('t'.repeat(32), content))).rejects.toThrow()
  await expect(check(await signToken(secret, { ...content, forMs: -60_000 }))).rejects.toThrow()
})
