import type { Position } from '@freshet/protocol'
import { ChangeStreamError } from '@freshet/change-stream'
import { positionInBuffer, type Column, type Field } from '@freshet/postgres-rules'

/** A table as the following changes describe it. */
export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  /** The indexes of the columns in the replica identity. */
  readonly keys: readonly number[]
}

/**
 * A message of `pgoutput`, protocol version 1.
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export type Message =
  /** `xid`: the low 32 bits of the transaction id. */
  | { readonly kind: 'begin'; readonly xid: number }
  /** `end`: the end of the commit record. */
  | { readonly kind: 'commit'; readonly end: Position }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly oid: number; readonly row: readonly Field[] }
  /** `old`: only if the key changed. Other columns than those of the key are NULL. */
  | {
      readonly kind: 'update'
      readonly oid: number
      readonly old: readonly Field[] | undefined
      readonly row: readonly Field[]
    }
  | { readonly kind: 'delete'; readonly oid: number; readonly old: readonly Field[] }
  | { readonly kind: 'truncate'; readonly oids: readonly number[] }
  /** A message of `pg_logical_emit_message`. */
  | {
      readonly kind: 'message'
      readonly transactional: boolean
      readonly prefix: string
      readonly content: string
    }
  /** The origin of a transaction, or a type: nothing that is used here. */
  | { readonly kind: 'other' }

const other: Message = { kind: 'other' }

/** Decodes one message. Keeps no reference to `bytes`. @throws {ChangeStreamError} UNSUPPORTED */
export function decode(bytes: Buffer): Message {
  const input = new Input(bytes)
  const type = String.fromCharCode(input.int8())
  switch (type) {
    case 'B':
      input.skip(16)
      return { kind: 'begin', xid: input.uint32() }
    case 'C':
      input.skip(9)
      return { kind: 'commit', end: input.position() }
    case 'R':
      return { kind: 'relation', relation: relationIn(input) }
    case 'I': {
      const oid = input.uint32()
      input.expect('N')
      return { kind: 'insert', oid, row: input.row() }
    }
    case 'U': {
      const oid = input.uint32()
      const part = String.fromCharCode(input.int8())
      if (part === 'N') return { kind: 'update', oid, old: undefined, row: input.row() }
      const old = input.row()
      input.expect('N')
      return { kind: 'update', oid, old, row: input.row() }
    }
    case 'D': {
      const oid = input.uint32()
      input.skip(1)
      return { kind: 'delete', oid, old: input.row() }
    }
    case 'T': {
      const count = input.uint32()
      input.skip(1)
      return { kind: 'truncate', oids: Array.from({ length: count }, () => input.uint32()) }
    }
    case 'M': {
      const transactional = (input.int8() & 1) === 1
      input.skip(8)
      return { kind: 'message', transactional, prefix: input.text(), content: input.sized() }
    }
    case 'O':
    case 'Y':
      return other
    default:
      throw new ChangeStreamError('UNSUPPORTED', `pgoutput sent a message of the unknown type '${type}'`)
  }
}

/** The bit of a column's flags that says that it is part of the replica identity. */
const KEY_FLAG = 1

function relationIn(input: Input): Relation {
  const oid = input.uint32()
  const schema = input.text()
  const name = input.text()
  input.skip(1)
  const keys: number[] = []
  const columns = Array.from({ length: input.uint16() }, (_, index): Column => {
    if ((input.int8() & KEY_FLAG) !== 0) keys.push(index)
    const column = { name: input.text(), type: input.uint32() }
    input.skip(4)
    return column
  })
  // An empty schema name stands for pg_catalog.
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, name, columns, keys }
}

class Input {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  int8(): number {
    const value = this.#bytes.readUInt8(this.#at)
    this.#at += 1
    return value
  }

  uint16(): number {
    const value = this.#bytes.readUInt16BE(this.#at)
    this.#at += 2
    return value
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  position(): Position {
    const value = positionInBuffer(this.#bytes, this.#at)
    this.#at += 8
    return value
  }

  /** Text that ends with a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    const value = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 1
    return value
  }

  expect(type: string): void {
    const found = String.fromCharCode(this.int8())
    if (found !== type)
      throw new ChangeStreamError('UNSUPPORTED', `pgoutput sent a row of type '${found}', expected '${type}'`)
  }

  row(): readonly Field[] {
    return Array.from({ length: this.uint16() }, () => this.#field())
  }

  #field(): Field {
    const type = String.fromCharCode(this.int8())
    if (type === 'n') return null
    if (type === 'u') return undefined
    if (type !== 't')
      throw new ChangeStreamError('UNSUPPORTED', `pgoutput sent a value of the unknown type '${type}'`)
    return this.sized()
  }

  /** Text after its length. */
  sized(): string {
    const length = this.uint32()
    const value = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return value
  }
}
