import { ChangeStreamError } from '@freshet/change-stream'
import {
  parseLineage,
  type Change,
  type DocumentChange,
  type Lineage,
  type Position,
} from '@freshet/protocol'
import { CAUSE_PREFIX, DDL_PREFIX, idIn, type Field, type Table } from '@freshet/postgres-rules'
import { ChangedDefinitions } from './changed-definitions.ts'
import { decode, type Message, type Relation } from './pgoutput.ts'
import { RowMapping } from './row-json.ts'

/** Whole transactions that are ready for the consumer. */
export interface Assembled {
  readonly changes: readonly Change[]
  readonly through: Position
  /** The transactions with changes: the low 32 bits of their ids. */
  readonly applied: readonly { readonly xid: number; readonly at: Position }[]
}

interface AssemblerParts {
  readonly from: Position
  readonly tables: ReadonlyMap<string, Table>
  readonly maxOpenBytes: number
}

/** A table of a collection, as described by the latest relation message. */
interface Followed {
  readonly table: Table
  readonly relation: Relation
  readonly mapping: RowMapping
  /** The index of the key; `undefined` if the key is not a single column. */
  readonly key: number | undefined
}

/** A transaction between its begin and its commit. */
interface Open {
  readonly xid: number
  changes: Change[]
  bytes: number
  kept: 'documents' | 'keys' | 'collections'
  changesDefinitions: boolean
  /** Why the next change was made, as far as the writer said so. */
  cause: Lineage | undefined
}

/** An estimate of the memory of a change without its document. */
const CHANGE_BYTES = 150

/** Holds the changes of a transaction until its commit, and turns rows into documents. */
export class TransactionAssembler {
  readonly definitions = new ChangedDefinitions()
  readonly #tables: ReadonlyMap<string, Table>
  readonly #maxOpenBytes: number
  /** By OID; `undefined` for tables that are not followed. */
  readonly #relations = new Map<number, Followed | undefined>()
  #open: Open | undefined
  #changes: Change[] = []
  #applied: { readonly xid: number; readonly at: Position }[] = []
  #readyBytes = 0
  #through: Position

  constructor({ from, tables, maxOpenBytes }: AssemblerParts) {
    this.#through = from
    this.#tables = new Map([...tables.values()].map((table) => [`${table.schema}.${table.name}`, table]))
    this.#maxOpenBytes = maxOpenBytes
  }

  /** The bytes of changes that are ready. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** Everything that is ready. */
  take(): Assembled {
    const taken = { changes: this.#changes, through: this.#through, applied: this.#applied }
    this.#changes = []
    this.#applied = []
    this.#readyBytes = 0
    return taken
  }

  /** Decoding has come to `end`: all transactions that ended there or before have been delivered. */
  keepalive(end: Position): void {
    if (end > this.#through) this.#through = end
  }

  /** A table may be served that could not be when its definition changed. */
  checkAgain(collection: string): void {
    this.#changes.push({ kind: 'invalidate-collection', collection })
  }

  /** One message of pgoutput. @throws {ChangeStreamError} UNSUPPORTED */
  message(bytes: Buffer): void {
    this.#apply(decode(bytes))
  }

  #apply(message: Message): void {
    switch (message.kind) {
      case 'begin':
        this.#open = opened(message.xid)
        return
      case 'commit':
        return this.#commit(message.end)
      case 'relation':
        return this.#relation(message.relation)
      case 'insert':
        return this.#row(message.oid, undefined, message.row)
      case 'update':
        return this.#row(message.oid, message.old, message.row)
      case 'delete':
        return this.#row(message.oid, message.old, undefined)
      case 'truncate':
        for (const oid of message.oids) {
          const collection = this.#followed(oid)?.table.collection
          if (collection !== undefined) this.#add({ kind: 'drop-collection', collection })
        }
        return
      case 'message':
        if (!message.transactional) return
        if (message.prefix === DDL_PREFIX) this.#definitionsChanged()
        if (message.prefix === CAUSE_PREFIX && this.#open !== undefined)
          this.#open.cause = parseLineage(message.content)
        return
      case 'other':
    }
  }

  #commit(end: Position): void {
    const open = this.#open
    this.#open = undefined
    this.#through = end
    if (open?.changesDefinitions) this.definitions.changed()
    if (open === undefined || open.changes.length === 0) return
    for (const change of open.changes) this.#changes.push(change)
    this.#readyBytes += open.bytes
    this.#applied.push({ xid: open.xid, at: end })
  }

  /** The server describes a table before its first change, and again after its definition may have changed. */
  #relation(relation: Relation): void {
    const known = this.#relations.get(relation.oid)
    const table = this.#tables.get(`${relation.schema}.${relation.name}`)
    const [key, ...others] = relation.keys
    this.#relations.set(
      relation.oid,
      table && {
        table,
        relation,
        mapping: new RowMapping(relation.columns),
        key: others.length === 0 ? key : undefined,
      },
    )
    if (known !== undefined && !same(known.relation, relation))
      this.#add({ kind: 'invalidate-collection', collection: known.table.collection })
  }

  /** Documents may look different now, and it is unknown of which tables. */
  #definitionsChanged(): void {
    if (this.#open !== undefined) this.#open.changesDefinitions = true
    for (const { collection } of this.#tables.values())
      this.#add({ kind: 'invalidate-collection', collection })
  }

  /** @throws {ChangeStreamError} UNSUPPORTED: ignoring the change of an unknown table could lose it. */
  #followed(oid: number): Followed | undefined {
    if (this.#relations.has(oid)) return this.#relations.get(oid)
    throw new ChangeStreamError(
      'UNSUPPORTED',
      `pgoutput sent a change of the table ${oid} without describing it`,
    )
  }

  #row(oid: number, old: readonly Field[] | undefined, row: readonly Field[] | undefined): void {
    const followed = this.#followed(oid)
    if (followed === undefined) return
    const { table, mapping, key } = followed
    const { collection, idType } = table
    const why = this.#takeCause()
    // Such a table is not served, but it may have been until now.
    if (key === undefined) return this.#add({ kind: 'invalidate-collection', collection })
    const oldId = old && idIn(idType, old[key])
    // A key that is stored apart and did not change is sent with the old row only.
    const id = row && idIn(idType, row[key] ?? old?.[key])
    if (oldId !== undefined && oldId !== id) this.#add({ kind: 'delete', collection, id: oldId, ...why })
    if (row === undefined || id === undefined) return
    // Also if an unchanged TOAST value is missing: the document can be read, but not made here.
    const document = this.#mayPrint(mapping) ? mapping.document(row) : undefined
    if (document === undefined) this.#add({ kind: 'invalidate', collection, id, ...why })
    else this.#add({ kind: 'upsert', collection, id, document, ...why })
  }

  /** Whether the document of a row is wanted, and surely looks as it does now. */
  #mayPrint({ ofOwnTypes }: RowMapping): boolean {
    const open = this.#open
    if (open === undefined || open.kept !== 'documents') return false
    return !ofOwnTypes || !this.definitions.mayPrecede(open.xid)
  }

  /** A cause belongs to the first row that follows it. */
  #takeCause(): { readonly cause?: Lineage } {
    const cause = this.#open?.cause
    if (this.#open === undefined || cause === undefined) return {}
    this.#open.cause = undefined
    return { cause }
  }

  #add(change: Change): void {
    const open = this.#open
    if (open === undefined) return
    if (open.kept === 'collections') {
      const [one] = withoutDocuments([change], 'collections')
      if (one && !open.changes.some((other) => 'collection' in one && sameCollection(other, one.collection)))
        open.changes.push(one)
      return
    }
    open.changes.push(change)
    open.bytes += bytesOf(change)
    if (open.bytes <= this.#maxOpenBytes) return
    open.kept = open.kept === 'documents' ? 'keys' : 'collections'
    open.changes = withoutDocuments(open.changes, open.kept)
    open.bytes = open.changes.reduce((sum, one) => sum + bytesOf(one), 0)
  }
}

const opened = (xid: number): Open => ({
  xid,
  changes: [],
  bytes: 0,
  kept: 'documents',
  changesDefinitions: false,
  cause: undefined,
})

const sameCollection = (change: Change, collection: string): boolean =>
  'collection' in change && change.collection === collection

function bytesOf(change: Change): number {
  return CHANGE_BYTES + (change.kind === 'upsert' ? change.document.length : 0)
}

/** What is left of a large transaction: the keys that changed, or only the collections. */
function withoutDocuments(changes: readonly Change[], kept: 'keys' | 'collections'): Change[] {
  if (kept === 'keys') return changes.map((change) => (change.kind === 'upsert' ? keyOf(change) : change))
  const collections = new Set(changes.flatMap((one) => ('collection' in one ? [one.collection] : [])))
  return [...collections].map((collection) => ({ kind: 'invalidate-collection', collection }))
}

function keyOf({ collection, id, cause }: DocumentChange): Change {
  return { kind: 'invalidate', collection, id, ...(cause && { cause }) }
}

function same(one: Relation, other: Relation): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
