import { expect, test } from '@jest/globals'
import { Program } from './support/program.ts'
import { openProxy } from './support/proxied.ts'

test('dev, its sample data and an audit bypass the proxy of the shell', async () => {
  await using proxy = await openProxy()
  const { env } = proxy
  await using dev = new Program(
    ['dev', '--json', '--port=0', '--ephemeral', '--readers=1', '--deliveries=0'],
    undefined,
    {
      env,
    },
  )
  expect(await dev.json()).toMatchObject({ ready: true })
  await using audit = new Program(['audit', '--for=1s', '--json'], dev.cwd, { env })
  const { code, printed, said } = await audit.outcome
  expect({ code, said }).toEqual({ code: 0, said: '' })
  expect(JSON.parse(printed)).toMatchObject({ wrong: 0 })
  expect(proxy.connections()).toBe(0)
})

test('negative control: fetch and the global agent use that proxy', async () => {
  await using proxy = await openProxy()
  const ask = `
    await fetch('http://127.0.0.1:7999/').catch(() => undefined)
    const { get } = await import('node:http')
    await new Promise((resolve) => get('http://127.0.0.1:7999/', resolve).on('error', resolve))
    process.exit()`
  await using program = new Program([], undefined, {
    program: ['--input-type=module', '-e', ask],
    env: proxy.env,
  })
  await program.outcome
  expect(proxy.connections()).toBe(2)
})
