import { expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { hostsOf, withCredentials } from '@freshet/migration'
import { setNameOf, withoutCredentials } from '../src/uri.ts'

const credentials = { user: 'freshet-reader', password: 'a/b@c', database: 'shop' }

test.each([
  [
    'mongodb://root:x@h1:1,h2:2/?replicaSet=s&authSource=admin',
    'mongodb://freshet-reader:a%2Fb%40c@h1:1,h2:2/shop?replicaSet=s&authSource=shop',
  ],
  [
    'mongodb+srv://h.example.org',
    'mongodb+srv://freshet-reader:a%2Fb%40c@h.example.org/shop?authSource=shop',
  ],
  ['mongodb://h/app', 'mongodb://freshet-reader:a%2Fb%40c@h/shop?authSource=shop'],
  [
    'mongodb://root:p%40ss@h/?AUTHSOURCE=admin&replicaset=s&TLS=true&authmechanism=SCRAM-SHA-1',
    'mongodb://freshet-reader:a%2Fb%40c@h/shop?replicaset=s&TLS=true&authSource=shop',
  ],
  [
    'mongodb://h/?authMechanism=MONGODB-X509&tls=true',
    'mongodb://freshet-reader:a%2Fb%40c@h/shop?tls=true&authSource=shop',
  ],
  ['mongodb://[::1]:1/', 'mongodb://freshet-reader:a%2Fb%40c@[::1]:1/shop?authSource=shop'],
])('%s with other credentials keeps its servers and options', (uri, expected) => {
  expect(withCredentials(uri, credentials)).toBe(expected)
})

test('the driver accepts the result', () => {
  for (const uri of ['mongodb://h/?authsource=admin', 'mongodb://a:b@h/?AuthSource=x&REPLICASET=s']) {
    const { source, username } = new MongoClient(withCredentials(uri, credentials)).options.credentials ?? {}
    expect([source, username]).toEqual(['shop', 'freshet-reader'])
  }
})

test('option names are case-insensitive', () => {
  expect(setNameOf('mongodb://h/?REPLICASET=my%20set')).toBe('my set')
  expect(hostsOf('mongodb://u:p@h1,h2:2,[::1]/?x=y')).toBe('h1,h2:2,[::1]')
  const address = 'mongodb://u:p@h1,h2/db?ReplicaSet=s&AUTHSOURCE=a&directconnection=false&compressors=zlib'
  expect(withoutCredentials(address)).toBe(
    'mongodb://h1,h2/?ReplicaSet=s&directconnection=false&compressors=zlib',
  )
  expect(withoutCredentials(address, 'h2')).toBe('mongodb://h2/?compressors=zlib&directConnection=true')
  expect(withoutCredentials('mongodb+srv://u:p@h.example.org/?srvMaxHosts=1', 'h2:1')).toBe(
    'mongodb://h2:1/?tls=true&directConnection=true',
  )
})

test('an invalid address is reported without its content', () => {
  for (const uri of ['mongo://u:secret@h', 'mongodb://u:secret@', 'http://u:secret@h']) {
    expect(() => hostsOf(uri)).toThrow(/^BAD_ADDRESS: /)
    expect(() => hostsOf(uri)).not.toThrow('secret')
  }
})

test('an empty address is reported in plain words', () => {
  expect(() => hostsOf('')).toThrow(/^BAD_ADDRESS: Invalid scheme, expected connection string to start with/)
})
