import { expect, test } from '@jest/globals'
import { ConfigError } from '@freshet/kit'
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
