/** What `freshet dev --json` prints, as far as tests use it. */
export interface DevLine {
  readonly writer: string
  readonly readers: readonly string[]
  readonly deliveries: readonly string[]
  readonly management: {
    readonly writer: string
    readonly readers: readonly string[]
    readonly deliveries: readonly string[]
  }
  readonly token: string
}

/** Checks the parsed line. @throws {TypeError} names what is missing or invalid */
export function devLineOf(line: unknown): DevLine {
  const { writer, readers, deliveries, management, token } = objectIn(line, 'the line')
  const ports = objectIn(management, 'management')
  return {
    writer: textIn(writer, 'writer'),
    readers: textsIn(readers, 'readers'),
    deliveries: textsIn(deliveries, 'deliveries'),
    management: {
      writer: textIn(ports['writer'], 'management.writer'),
      readers: textsIn(ports['readers'], 'management.readers'),
      deliveries: textsIn(ports['deliveries'], 'management.deliveries'),
    },
    token: textIn(token, 'token'),
  }
}

function objectIn(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw unexpected(name, 'an object', value)
  return { ...value }
}

function textsIn(value: unknown, name: string): readonly string[] {
  if (!Array.isArray(value)) throw unexpected(name, 'a list', value)
  return value.map((one: unknown, at) => textIn(one, `${name}[${at}]`))
}

function textIn(value: unknown, name: string): string {
  if (typeof value !== 'string') throw unexpected(name, 'a text', value)
  return value
}

function unexpected(name: string, wanted: string, got: unknown): TypeError {
  return new TypeError(`expected ${wanted} as ${name}, got ${JSON.stringify(got)}`)
}
