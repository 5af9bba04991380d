import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseSync } from '@swc/core'

/**
 * Finds everything in a JavaScript file that asks a database to write: a driver method (called, destructured or
 * computed), a literal command, a stage that writes. Names that are assembled at run time are not found; the veto
 * catches them.
 */
export async function writesIn(source: string): Promise<readonly string[]> {
  const found: string[] = []
  walk(await parse(source, { syntax: 'ecmascript', target: 'es2022' }), (node) => {
    found.push(...verbOf(node), ...commandOf(node), ...commandByHand(node), ...stageOf(node))
  })
  return found
}

/** Methods of other driver classes: sessions, file stores, administration, encryption. */
const others = [
  'createDataKey',
  'createEncryptedCollection',
  'openUploadStream',
  'openUploadStreamWithId',
  'startTransaction',
  'validateCollection',
  'withTransaction',
]

const verbs: ReadonlySet<string> = new Set([...attackedVerbs(), ...others])

/** Fields that distinguish a writing command from other objects. */
const statements: ReadonlySet<string> = new Set(['documents', 'updates', 'deletes', 'query', 'ops'])
const writingCommands: ReadonlySet<string> = new Set([
  'insert',
  'update',
  'delete',
  'findAndModify',
  'bulkWrite',
])
const readCommands: ReadonlySet<string> = new Set(textsOf('src/allowed-commands.ts'))
const senders: ReadonlySet<string> = new Set(['command', 'run', 'runCommand', 'runCursorCommand'])
const stages: ReadonlySet<string> = new Set(['$out', '$merge'])

function verbOf(node: object): readonly string[] {
  const type = fieldOf(node, 'type')
  if (type === 'MemberExpression') return verbs.has(memberOf(node)) ? [memberOf(node)] : []
  // `const { insertOne } = collection`, under any local name.
  if (type === 'AssignmentPatternProperty' || type === 'KeyValuePatternProperty') {
    const name = textOf(fieldOf(node, 'key'))
    return verbs.has(name) ? [name] : []
  }
  return []
}

/** An object whose first key is a writing command and that contains its statements. */
function commandOf(node: object): readonly string[] {
  if (fieldOf(node, 'type') !== 'ObjectExpression') return []
  const [first = '', ...rest] = keysOf(node)
  return writingCommands.has(first) && rest.some((key) => statements.has(key)) ? [`{ ${first} }`] : []
}

/** A literal command passed to a sender: its first key must be a read command. */
function commandByHand(node: object): readonly string[] {
  if (fieldOf(node, 'type') !== 'CallExpression') return []
  const [argument] = listOf(fieldOf(node, 'arguments')).map((each) => fieldOf(each, 'expression'))
  if (!senders.has(memberOf(calleeOf(node))) || fieldOf(argument, 'type') !== 'ObjectExpression') return []
  const [first = ''] = keysOf(argument)
  return readCommands.has(first) ? [] : [`command { ${first} }`]
}

/** As a key or a string, anywhere. */
function stageOf(node: object): readonly string[] {
  const type = fieldOf(node, 'type')
  const text = type === 'StringLiteral' || type === 'Identifier' ? textOf(node) : ''
  return stages.has(text) ? [text] : []
}

/** The callee, with or without optional chaining. */
function calleeOf(call: unknown): unknown {
  const callee = fieldOf(call, 'callee')
  return fieldOf(callee, 'type') === 'OptionalChainingExpression' ? fieldOf(callee, 'base') : callee
}

/** The name of a member, if the source contains it. */
function memberOf(member: unknown): string {
  const property = fieldOf(member, 'property')
  return textOf(fieldOf(property, 'type') === 'Computed' ? fieldOf(property, 'expression') : property)
}

/** The keys of an object in order; a shorthand property is its own key. */
function keysOf(object: unknown): readonly string[] {
  return listOf(fieldOf(object, 'properties')).map((each) => textOf(fieldOf(each, 'key') ?? each))
}

/** An identifier, a string, or a template without substitutions. */
function textOf(node: unknown): string {
  if (fieldOf(node, 'type') === 'Computed') return textOf(fieldOf(node, 'expression'))
  if (fieldOf(node, 'type') === 'TemplateLiteral') {
    const [only, ...rest] = listOf(fieldOf(node, 'quasis'))
    return rest.length === 0 ? String(fieldOf(only, 'cooked')) : ''
  }
  const value = fieldOf(node, 'value')
  return typeof value === 'string' ? value : ''
}

function walk(node: unknown, visit: (node: object) => void): void {
  if (typeof node !== 'object' || node === null) return
  visit(node)
  for (const child of Object.values(node)) walk(child, visit)
}

/** The syntax tree of a guard file. It is parsed because this package may not import the guard's modules. */
function guardsFile(name: string): unknown {
  const file = join(import.meta.dirname, '../../../packages/guard', name)
  return parseSync(readFileSync(file, 'utf8'), { syntax: 'typescript', target: 'es2022' })
}

/** The methods of collections and databases that the guard's tests attack, except those that send literal commands. */
function attackedVerbs(): readonly string[] {
  const found = textsOf('test/attacks/verbs.ts').flatMap(
    (text) => /^(?:Collection|Db)\.(?!command$|runCursorCommand$)(\w+)$/.exec(text)?.[1] ?? [],
  )
  if (found.length < 30) throw new Error("expected the methods of the guard's attacks")
  return found
}

function textsOf(name: string): readonly string[] {
  const found: string[] = []
  walk(guardsFile(name), (node) => {
    if (fieldOf(node, 'type') === 'StringLiteral') found.push(textOf(node))
  })
  return found
}

function fieldOf(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
