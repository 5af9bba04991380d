import { BodyError, expectSameId, pointerTo, type PatchRules } from '@freshet/documents'
import { isInexact, isMembers, Scalar, valueOf, type JsonMembers, type JsonNode } from './json-tree.ts'

/**
 * Applies RFC 7396 to a document in place: `null` deletes, objects merge, anything else replaces.
 * @throws {BodyError} id-mismatch; not-plain-json: it would merge into a number that JSON clients cannot represent.
 */
export function applyMergePatch(target: JsonMembers, patch: JsonMembers, rules: PatchRules): void {
  const id = patch.get('id')
  if (id !== undefined) {
    expectSameId(valueOf(id), rules)
    patch.delete('id')
  }
  merge(target, patch, [], rules)
}

function merge(target: JsonMembers, patch: JsonMembers, path: readonly string[], rules: PatchRules): void {
  for (const [name, value] of patch) {
    if (value instanceof Scalar && value.text === 'null') target.delete(name)
    else target.set(name, isMembers(value) ? merged(target.get(name), value, [...path, name], rules) : value)
  }
}

/** Merges an object into an existing value. */
function merged(
  old: JsonNode | undefined,
  patch: JsonMembers,
  path: readonly string[],
  rules: PatchRules,
): JsonMembers {
  if (old instanceof Scalar && isInexact(old) && !rules.lenient)
    throw new BodyError(
      'not-plain-json',
      pointerTo(path),
      'expected a JSON object to merge into, got a stored number that a double cannot represent',
    )
  const target: JsonMembers = isMembers(old) ? old : new Map()
  merge(target, patch, path, rules)
  return target
}
