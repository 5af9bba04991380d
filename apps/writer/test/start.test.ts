import { expect, test } from '@jest/globals'
import { ConfigError } from '@freshet/kit'
import { fromSource } from '@freshet/testkit'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openWriterAtOnce } from './support/open-writer.ts'

test('an invalid address is refused before anything listens, and is not printed', async () => {
  const refusal: unknown = await openWriterAtOnce('http://user:secret@nowhere').catch(
    (error: unknown) => error,
  )
  expect(refusal).toBeInstanceOf(ConfigError)
  expect(String(refusal)).toMatch(/--mongodb-uri-file is not an address/)
  expect(String(refusal)).not.toMatch(/secret/)
})

test('a directory without collection files is refused', async () => {
  const argv = ['--collections=/nowhere/at/all']
  const refusal: unknown = await openWriterAtOnce('mongodb://127.0.0.1:1', { argv }).catch(
    (error: unknown) => error,
  )
  expect(refusal).toBeInstanceOf(ConfigError)
  expect(String(refusal)).toMatch(/--collections: \/nowhere\/at\/all/)
})

test('the program loads no Express, through which a POST takes nearly twice the CPU time', async () => {
  const loaded = async (...files: readonly string[]): Promise<string> => {
    const urls = files.map((file) => import.meta.resolve(`../src/${file}`))
    const code = `import { createRequire } from 'node:module'
      for (const url of ${JSON.stringify(urls)}) await import(url)
      console.log(Object.keys(createRequire('file:///').cache).join('\\n'))`
    const words = [...fromSource, '--input-type=module', '--eval', code]
    return (await promisify(execFile)(process.execPath, words)).stdout
  }
  expect(await loaded('writer-service.ts', 'store/backend.ts')).not.toMatch(/node_modules\/express\//)
  expect(await loaded('writer-router.ts')).toMatch(/node_modules\/express\//)
})
