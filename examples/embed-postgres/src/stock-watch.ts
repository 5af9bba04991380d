import { ABSENT, asRows, openReplica, type EmbeddedReplica, type StoredRow } from '@freshet/embed'

export interface StockWatch extends AsyncDisposable {
  /** The total value of products, from memory and all at one position. */
  valueOf(ids: readonly string[]): Promise<{ readonly value: number; readonly at: string }>
}

/** Follows the table `products` of a PostgreSQL database, and reports each product of which less than ten are left. */
export async function openStockWatch(
  uri: string,
  database: string,
  report: (id: string, stock: number) => void,
): Promise<StockWatch> {
  const replica: EmbeddedReplica<StoredRow> = await openReplica({
    uri,
    database,
    collections: { products: 'string' },
    encoder: asRows,
    handlers: { service: 'stock-watch' },
  })
  replica.onChange({
    name: 'low-stock',
    collections: ['products'],
    handle: async ({ id, at }) => {
      const { values } = await replica.get('products', id, { atLeast: at })
      for (const value of values)
        if (value !== ABSENT && Number(value.row['stock']) < 10) report(id, Number(value.row['stock']))
    },
  })
  return {
    valueOf: async (ids) => {
      const { values, at } = await replica.many('products', ids)
      let value = 0
      for (const one of values)
        if (one !== ABSENT) value += Number(one.row['price']) * Number(one.row['stock'])
      return { value, at }
    },
    [Symbol.asyncDispose]: () => replica.close(),
  }
}
