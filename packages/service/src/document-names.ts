import { isId, ProblemError } from '@freshet/protocol'

/**
 * How the apps read `{collection}` and `{id}` in a path: for the `parameters` of a route table. `has`: the collections that
 * there are.
 */
export function documentNames(
  has: (collection: string) => boolean,
): Record<'collection' | 'id', (text: string) => void> {
  return {
    collection: (name) => {
      if (has(name)) return
      // No collection has such a name: it would be a path of its own, `/{collection}:changes`.
      const path = name.includes(':') || name.includes('/')
      throw new ProblemError(path ? 'unknown-path' : 'unknown-collection')
    },
    id: (id) => {
      if (isId(id)) return
      const detail =
        'Expected an id of 1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - other than "." and "..".'
      throw new ProblemError('bad-id', { detail })
    },
  }
}
