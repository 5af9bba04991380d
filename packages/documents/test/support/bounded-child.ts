import { setImmediate as turn } from 'node:timers/promises'
import type { JsonObject, JsonValue } from '../../src/contract.ts'
import { SchemaCompiler } from '../../src/schema-check.ts'

const MiB = 2 ** 20
const patterns = [
  '^\\S+@\\S+\\.\\S+$',
  '^(a+)+$',
  '(?:.*a){12}x',
  '(?:a|b)*a(?:a|b){400}c',
  '(?:\\w?){300}\\d{300}!',
]
const formats = [
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'uri-template',
  'url',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
  'regex',
]
const texts = [
  '@'.repeat(MiB),
  'a'.repeat(MiB),
  'ab'.repeat(MiB / 2),
  `http://${'a-'.repeat(MiB / 2)}`,
  `http://a:${'@:'.repeat(MiB / 2)}`,
  '0'.repeat(MiB),
  '('.repeat(MiB),
  'é😀'.repeat(MiB / 6),
]

const stringsOf = (word: object): object => ({
  type: 'object',
  properties: {
    one: { type: 'string', maxLength: 254, ...word },
    many: { type: 'array', items: { type: 'string', ...word } },
    names: { type: 'object', propertyNames: word },
  },
})

const back = { $ref: '#' }
const schemas: readonly object[] = [
  ...patterns.map((pattern) => stringsOf({ pattern })),
  ...formats.map((format) => stringsOf({ format })),
  {
    type: 'object',
    patternProperties: { '^(a+)+$': true, '(?:a|b)*a(?:a|b){400}c': true },
    additionalProperties: false,
  },
  {
    type: 'object',
    properties: { a: { anyOf: [back, back, { type: 'array', uniqueItems: true, items: back }] } },
  },
  {
    oneOf: [
      { type: 'object', properties: { a: back } },
      { type: 'object', properties: { a: back, b: true }, required: ['b'] },
    ],
  },
  {
    type: ['object', 'array'],
    items: back,
    properties: { a: back },
    not: { type: 'object', properties: { a: back, z: true }, required: ['z'] },
  },
]

function nested(levels: number, end: JsonValue): JsonObject {
  let value: JsonValue = end
  for (let level = 0; level < levels; level += 1) value = { a: value }
  return { a: value }
}

const wide = (text: string): JsonObject => ({
  one: text,
  many: Array.from({ length: 400 }, (_, n) => text.slice(n * 2_600, (n + 1) * 2_600)),
  names: { [text]: 1 },
  [text]: 1,
})
const documents: readonly JsonObject[] = [
  ...texts.map(wide),
  nested(62, 5),
  nested(62, 'x'),
  { a: Array.from({ length: 20_000 }, (_, n) => nested(10, n)) },
  { a: Array.from({ length: 300_000 }, () => ({})) },
]

let checks = 0
let refused = 0
const compiler = new SchemaCompiler()
for (const schema of schemas) {
  const validate = compiler.compile(schema)
  for (const document of documents) {
    const issues = validate(document)
    checks += 1
    if (issues.some(({ detail }) => detail.startsWith('takes more than'))) refused += 1
    await turn()
  }
}
process.stdout.write(JSON.stringify({ checks, refused }))
