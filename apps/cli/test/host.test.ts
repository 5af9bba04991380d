import { networkInterfaces } from 'node:os'
import { expect, test } from '@jest/globals'
import { externalHosts, requireHost, localUrlOf } from '../src/dev/host.ts'

test('a wildcard address is reached through the loopback address', () => {
  expect(localUrlOf('http://0.0.0.0:7400')).toBe('http://127.0.0.1:7400')
  expect(localUrlOf('http://[::]:7400')).toBe('http://[::1]:7400')
  for (const url of ['http://192.168.1.5:7400', 'http://localhost:1', 'http://[::1]:1'])
    expect(localUrlOf(url)).toBe(url)
})

test('other machines reach all addresses except the loopback', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) expect(externalHosts(host)).toEqual([])
  expect(externalHosts('192.168.1.5')).toEqual(['192.168.1.5'])
  const outer = Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .filter(({ internal }) => !internal)
  for (const address of externalHosts('0.0.0.0'))
    expect(outer).toContainEqual(expect.objectContaining({ address }))
})

test('an address of another machine is refused before anything starts', async () => {
  await requireHost('0.0.0.0')
  for (const host of ['192.0.2.1', 'no.such.host.invalid'])
    await expect(requireHost(host)).rejects.toThrow(`BAD_HOST: cannot listen on --host=${host} (`)
})
