import { expect, test } from '@jest/globals'
import { withCredentials } from '@freshet/migration'

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
])('%s with other credentials keeps its servers and options', (uri, expected) => {
  expect(withCredentials(uri, credentials)).toBe(expected)
})
