import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** A tree of plain values, as a file of YAML holds it. */
export type Tree = Readonly<Record<string, unknown>>

/** One object of the cluster. */
export interface Manifest extends Tree {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Tree
}

const base = join(import.meta.dirname, '../base')

/** The files that the base lists, in its order. */
export const listed: readonly string[] = parse(
  readFileSync(join(base, 'kustomization.yaml'), 'utf8'),
).resources

/** Every object of the base. */
export const manifests: readonly Manifest[] = listed.flatMap((file) =>
  parseAllDocuments(readFileSync(join(base, file), 'utf8')).map((document) => document.toJS() as Manifest),
)

/** The object of that kind and name. */
export function manifest(kind: string, name: string): Manifest {
  const [found] = manifests.filter((each) => each.kind === kind && each.metadata.name === name)
  if (!found) throw new Error(`expected a ${kind} ${name}`)
  return found
}

/** What is at a path of keys and places; `undefined`: nothing. */
export function at(tree: unknown, ...path: readonly (string | number)[]): unknown {
  let here = tree
  for (const key of path)
    here = typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined
  return here
}

/** A list at a path; empty where there is none. */
export function listAt(tree: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const list = at(tree, ...path)
  return Array.isArray(list) ? list : []
}
