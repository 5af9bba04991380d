import type { Encoder } from '@freshet/replica'

/** A value of JSON that nobody can modify. */
export type FrozenJson =
  string | number | boolean | null | readonly FrozenJson[] | { readonly [name: string]: FrozenJson }

/** A row, frozen at every depth. */
export interface StoredRow {
  readonly row: { readonly [column: string]: FrozenJson }
  /** Estimated size in memory. */
  readonly bytes: number
}

/** Objects take about four times their JSON size. */
const objectFactor = 4

/**
 * Keeps rows of PostgreSQL as frozen objects, for services that compute with them. Values are those of the JSON that readers
 * serve: `numeric` and large `bigint` are strings.
 */
export const asRows: Encoder<StoredRow> = {
  encode: (bytes) => ({
    row: JSON.parse(Buffer.from(bytes).toString(), (_name, value: unknown) => Object.freeze(value)),
    bytes: bytes.length * objectFactor,
  }),
  sizeOf: ({ bytes }) => bytes,
}
