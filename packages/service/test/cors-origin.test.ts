import { expect, test } from '@jest/globals'
import { readConfig } from '@freshet/kit'
import { serviceOptions } from '../src/index.ts'

const originsOf = (text: string): readonly string[] =>
  readConfig(serviceOptions, {
    argv: ['--cors-origins', text],
    env: {},
    readFile: () => '',
  }).corsOrigins

test.each([
  '*',
  'https://shop.example',
  'http://localhost:3000',
  'http://127.0.0.1:5173',
  'http://[::1]:8080',
  'https://xn--bcher-kva.example',
  'capacitor://localhost',
  'chrome-extension://abcdefghijklmnop',
])('an origin as sent by browsers is accepted: %s', (origin) => {
  expect(originsOf(`${origin}, https://b.example`)).toEqual([origin, 'https://b.example'])
})

test.each([
  ['a trailing slash', 'http://localhost:3000/', /send: http:\/\/localhost:3000\./],
  ['a path', 'https://shop.example/app', /send: https:\/\/shop\.example\./],
  ['no scheme', 'localhost:3000', /a scheme and without a path/],
  ['a bare name', 'shop.example', /a scheme and without a path/],
  ['upper case', 'https://Shop.example', /send: https:\/\/shop\.example\./],
  ['an upper-case scheme', 'HTTPS://shop.example', /send: https:\/\/shop\.example\./],
  ['a default port', 'https://shop.example:443', /send: https:\/\/shop\.example\./],
  ['a non-ASCII name', 'https://bücher.example', /send: https:\/\/xn--bcher-kva\.example\./],
  ['a pattern', 'https://*.shop.example', /full origins/],
  ['a user', 'https://ann@shop.example', /send: https:\/\/shop\.example\./],
  ['null', 'null', /sandboxed/],
  ['only a scheme', 'https://', /a scheme and without a path/],
])('an origin that would never match is refused at startup: %s', (_, origin, wants) => {
  expect(() => originsOf(origin)).toThrow(wants)
  expect(() => originsOf(`https://good.example,${origin}`)).toThrow(wants)
})
