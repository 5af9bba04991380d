import { networkInterfaces } from 'node:os'
import { expect, test } from '@jest/globals'
import { hostsFromElsewhere, requireHost, urlFromHere } from '../src/dev/host.ts'

test('a process of this machine speaks to the loopback where a service listens on all addresses', () => {
  expect(urlFromHere('http://0.0.0.0:7400')).toBe('http://127.0.0.1:7400')
  expect(urlFromHere('http://[::]:7400')).toBe('http://[::1]:7400')
  for (const url of ['http://192.168.1.5:7400', 'http://localhost:1', 'http://[::1]:1'])
    expect(urlFromHere(url)).toBe(url)
})

test('other machines reach what is no loopback', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1'])
    expect(hostsFromElsewhere(host)).toEqual([])
  expect(hostsFromElsewhere('192.168.1.5')).toEqual(['192.168.1.5'])
  const outer = Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .filter(({ internal }) => !internal)
  for (const address of hostsFromElsewhere('0.0.0.0'))
    expect(outer).toContainEqual(expect.objectContaining({ address }))
})

test('an address that is none of this machine is told before anything is started', async () => {
  await requireHost('0.0.0.0')
  for (const host of ['192.0.2.1', 'no.such.host.invalid'])
    await expect(requireHost(host)).rejects.toThrow(`BAD_HOST: nothing can listen on --host=${host} (`)
})
