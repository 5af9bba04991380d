import { closes, errors } from './codes.ts'

/** A JSON Schema, 2020-12. */
export type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const flag = { type: 'boolean' }
const whole = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
const id = { type: 'integer', minimum: 1, maximum: 2 ** 32 - 1 }
const seq = { type: 'integer', minimum: 1 }
const seconds = { type: 'integer', minimum: 1 }
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` })

/** An object with exactly these fields; a name that ends in `?` is optional. */
function closed(fields: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(fields).map(([key, schema]) => [key.replace('?', ''), schema] as const)
  const required = Object.keys(fields).filter((key) => !key.endsWith('?'))
  return { type: 'object', additionalProperties: false, required, properties: Object.fromEntries(entries) }
}

/** An object with these fields; additional ones are allowed. */
function open(fields: Readonly<Record<string, Schema>>): Schema {
  return { ...closed(fields), additionalProperties: true }
}

const command = (method: string, request: Schema): Schema => closed({ id, [method]: request })
const reply = (method: string, result: Schema): Schema => closed({ id, [method]: result })
const publicationWith = (type: Schema, data: Schema, conv: Readonly<Record<string, Schema>>): Schema =>
  closed({ offset: whole, time: whole, tags: closed({ type, ...conv }), data })

const message = { const: 'message' }
const change = { enum: ['edited', 'deleted'] }
const recipients = {
  oneOf: [
    closed({ user: text }),
    closed({ users: { type: 'array', items: text, minItems: 1, maxItems: 100 } }),
    closed({ group: text }),
  ],
}
const messageFields = {
  id: text,
  'clientId?': text,
  conv: text,
  seq,
  from: text,
  to: recipients,
  at: { type: 'string', format: 'date-time' },
}

const definitions = {
  position: open({ 'epoch?': text, 'offset?': whole }),
  publication: {
    oneOf: [
      publicationWith(message, closed({ ...messageFields, type: message, 'body?': {} }), { conv: text }),
      publicationWith(change, closed({ ...messageFields, type: change, ref: text, 'body?': {} }), {
        conv: text,
      }),
      publicationWith(
        { const: 'cursor' },
        closed({ type: { const: 'cursor' }, conv: text, delivered: whole, read: whole }),
        { conv: text },
      ),
      publicationWith({ const: 'position' }, closed({ type: { const: 'position' } }), {}),
    ],
  },
  error: { oneOf: Object.values(errors).map((entry) => ({ const: entry })) },
}

const subscription = closed({
  recoverable: { const: true },
  positioned: { const: true },
  epoch: text,
  offset: whole,
  was_recovering: flag,
  recovered: flag,
  publications: { type: 'array', items: ref('publication'), maxItems: 301 },
})

const document = (name: string, title: string, schema: Schema): Schema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `https://freshet.dev/schemas/delivery/${name}`,
  title,
  ...schema,
  $defs: definitions,
})

/** What a client may send: one line of a frame. */
const fromClient: Schema = {
  oneOf: [
    { ...closed({}), title: 'pong' },
    command(
      'connect',
      open({
        'token?': text,
        'subs?': { type: 'object', maxProperties: 128 },
        'data?': {},
        'name?': text,
        'version?': text,
      }),
    ),
    command('refresh', open({ token: text })),
    command('subscribe', open({ channel: text })),
    command('unsubscribe', open({ channel: text })),
    command(
      'history',
      open({ channel: text, 'limit?': { type: 'integer' }, 'since?': ref('position'), 'reverse?': flag }),
    ),
    ...['publish', 'rpc', 'presence', 'presence_stats', 'sub_refresh'].map((method) =>
      command(method, { type: 'object' }),
    ),
    closed({ send: {} }),
  ],
}

/** What the server sends: one line of a frame. */
const fromServer: Schema = {
  oneOf: [
    { ...closed({}), title: 'ping' },
    reply('error', ref('error')),
    reply(
      'connect',
      closed({
        client: text,
        version: text,
        session: text,
        node: text,
        ping: { type: 'number', exclusiveMinimum: 0 },
        pong: { const: true },
        expires: { const: true },
        ttl: seconds,
        data: closed({ position: { type: 'string', pattern: '^[0-9a-f]{8}\\.[0-9a-f]{16}$' } }),
        subs: {
          type: 'object',
          minProperties: 1,
          maxProperties: 1,
          propertyNames: { pattern: '^#' },
          additionalProperties: subscription,
        },
      }),
    ),
    reply('refresh', closed({ client: text, version: text, expires: { const: true }, ttl: seconds })),
    reply('unsubscribe', closed({})),
    reply(
      'history',
      closed({
        publications: { type: 'array', items: ref('publication'), maxItems: 300 },
        epoch: text,
        offset: whole,
      }),
    ),
    closed({ push: closed({ channel: { type: 'string', pattern: '^#' }, pub: ref('publication') }) }),
  ],
}

/** How the server ends a connection. */
const close: Schema = { oneOf: Object.values(closes).map((entry) => ({ const: entry })) }

/** The JSON Schemas of everything that is sent. */
export const frameSchemas = {
  client: document('client', 'One line of a frame of a client', fromClient),
  server: document('server', 'One line of a frame of the server', fromServer),
  close: document('close', 'A close code with its reason', close),
} as const
