import type { IdType } from '@freshet/protocol'

/** The collections of stress runs on real servers, with their id types. `scratch` is dropped or changed as a whole. */
export const idTypes: ReadonlyMap<string, IdType> = new Map<string, IdType>([
  ['products', 'string'],
  ['orders', 'string'],
  ['scratch', 'string'],
  ['numbers', 'integer'],
])
export const collections = [...idTypes.keys()]

const texts: readonly string[] = Array.from({ length: 60 }, (_, n) => `k${n}`)
const numbers: readonly string[] = Array.from({ length: 60 }, (_, n) => String(n - 30))

/** The ids written in a collection. */
export function idsOf(collection: string): readonly string[] {
  return idTypes.get(collection) === 'integer' ? numbers : texts
}

/** Always written together, by transactions. */
export const twins = ['left', 'right'] as const
