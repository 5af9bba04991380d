import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** A parsed YAML value. */
export type Tree = Readonly<Record<string, unknown>>

/** A Kubernetes object. */
export interface Manifest extends Tree {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Tree
}

const base = join(import.meta.dirname, '../base')

/** The files of the base, in order. */
export const listed: readonly string[] = parse(
  readFileSync(join(base, 'kustomization.yaml'), 'utf8'),
).resources

/** All objects of the base. */
export const manifests: readonly Manifest[] = listed.flatMap((file) => manifestsIn(join(base, file)))

function manifestsIn(path: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest)
}

/**
 * The objects of the base with one component of `components`, as built by kustomize: its additions and patches. Supports only
 * `replace`, `remove` of a field, and `add` at the end of a list.
 */
export function withComponent(name: string, others: readonly Manifest[] = manifests): readonly Manifest[] {
  const folder = join(import.meta.dirname, '../components', name)
  const component: Tree = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'))
  const added = listAt(component, 'resources').flatMap((file) => manifestsIn(join(folder, String(file))))
  const all = structuredClone([...others, ...added])
  for (const each of listAt(component, 'patches')) {
    const [target] = all.filter(
      ({ kind, metadata }) =>
        kind === at(each, 'target', 'kind') && metadata.name === at(each, 'target', 'name'),
    )
    if (!target) throw new Error(`expected an object that ${name} patches`)
    for (const operation of parse(String(at(each, 'patch')))) patch(target, operation)
  }
  return all
}

/** RFC 6902, 4.1 to 4.3: the target of a replace must exist. */
function patch(target: Manifest, operation: Tree): void {
  const path = String(operation['path']).split('/').slice(1)
  const place = at(target, ...path.slice(0, -1))
  const last = path.at(-1) ?? ''
  if (operation['op'] === 'add' && last === '-' && Array.isArray(place)) {
    place.push(operation['value'])
    return
  }
  if (operation['op'] === 'remove' && typeof place === 'object' && place !== null) {
    Reflect.deleteProperty(place, last)
    return
  }
  if (operation['op'] !== 'replace' || typeof place !== 'object' || place === null || !(last in place))
    throw new Error(`expected something to replace, got ${JSON.stringify(operation)}`)
  Reflect.set(place, last, operation['value'])
}

/** The objects of the base and the component `messages`. */
export const withMessages: readonly Manifest[] = withComponent('messages')

/** The object with this kind and name, with messages. */
export function manifest(kind: string, name: string): Manifest {
  const [found] = withMessages.filter((each) => each.kind === kind && each.metadata.name === name)
  if (!found) throw new Error(`expected a ${kind} ${name}`)
  return found
}

/** The value at a path of keys and indexes. */
export function at(tree: unknown, ...path: readonly (string | number)[]): unknown {
  let here = tree
  for (const key of path)
    here = typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined
  return here
}

/** The list at a path; empty if there is none. */
export function listAt(tree: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const list = at(tree, ...path)
  return Array.isArray(list) ? list : []
}
