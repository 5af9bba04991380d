import { parse } from '@swc/core'

/** Where code is that uses a replica or is one. */
export const readersSide: readonly string[] = [
  'apps/reader',
  'apps/delivery',
  'packages/cache',
  'packages/change-stream',
  'packages/change-stream-mongodb',
  'packages/replica',
]

/** What code on the reader's side may import besides its own files. An allow-list, as everywhere in the guard. */
export const readersImports: ReadonlySet<string> = new Set([
  '@freshet/bson',
  '@freshet/cache',
  '@freshet/change-stream',
  '@freshet/change-stream-mongodb',
  '@freshet/documents',
  '@freshet/documents-mongodb',
  '@freshet/guard',
  '@freshet/kit',
  '@freshet/messages',
  '@freshet/mongodb-rules',
  '@freshet/protocol',
  '@freshet/replica',
  '@freshet/service',
  '@jest/globals',
  'lru-cache',
  'node:crypto',
  'node:http',
  'node:v8',
])

/** Globals that lead out of the process, or to modules other than by imports. */
const worldly: ReadonlySet<string> = new Set([
  'EventSource',
  'Function',
  'WebSocket',
  'XMLHttpRequest',
  'createRequire',
  'eval',
  'fetch',
  'global',
  'globalThis',
  'module',
  'process',
  'require',
])

/** The members of `process` that may be used, each accessed by name directly: others load modules and programs. */
const ofProcess: ReadonlySet<string> = new Set(['exitCode', 'version'])

/** Members of `node:http` that send requests; a reader only answers. */
const ofHttp: ReadonlySet<string> = new Set(['request', 'get', 'ClientRequest', 'Agent', 'globalAgent'])

/**
 * Everything in a file that a reader must not have: imports that are not on the list (static, dynamic, computed,
 * `require`, re-exports, type-only), and names that lead out of the process.
 * @param inFolder whether a relative path stays in the package.
 */
export async function refusedIn(
  source: string,
  allowed: ReadonlySet<string>,
  inFolder: (path: string) => boolean = (path) => path.startsWith('./'),
): Promise<readonly string[]> {
  const found: string[] = []
  const visit = (node: unknown, inType: boolean): void => {
    if (Array.isArray(node)) {
      for (const one of node) visit(one, inType)
      return
    }
    if (!isNode(node) || isHarmlessOfProcess(node)) return
    const module = moduleOf(node)
    if (module !== undefined && !allowed.has(module) && !(module.startsWith('.') && inFolder(module)))
      found.push(...takenBy(node, module))
    const name = inType ? undefined : nameOf(node)
    if (name !== undefined) found.push(name)
    const ofType = inType || (node.type?.startsWith('Ts') === true && !valuesOfTypes.has(node.type))
    for (const [key, child] of Object.entries(node)) visit(child, ofType || isLabel(node, key))
  }
  visit(await parse(source, { syntax: 'typescript', target: 'es2022' }), false)
  return found
}

type Node = Readonly<Record<string, unknown>> & { readonly type?: string }

/** Type nodes that contain an expression. */
const valuesOfTypes: ReadonlySet<string> = new Set([
  'TsAsExpression',
  'TsConstAssertion',
  'TsNonNullExpression',
  'TsSatisfiesExpression',
  'TsTypeAssertion',
])

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null
}

/** The module that a node imports; `computed` if it is only known at run time. */
function moduleOf(node: Node): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'TsExternalModuleReference':
      return textOf(node['source'] ?? node['expression'])
    case 'TsImportType':
      return textOf(node['argument'])
    case 'CallExpression': {
      if (!isNode(node['callee']) || node['callee'].type !== 'Import') return undefined
      const [first]: unknown[] = Array.isArray(node['arguments']) ? node['arguments'] : []
      return textOf(isNode(first) ? first['expression'] : undefined) ?? 'computed'
    }
    default:
      return undefined
  }
}

/** `a of module` for each name that an import takes, marked if it is a type; otherwise the module. */
function takenBy({ type, specifiers, typeOnly }: Node, module: string): readonly string[] {
  if (type !== 'ImportDeclaration' || !Array.isArray(specifiers) || specifiers.length === 0) return [module]
  return specifiers.map((each) => {
    if (each?.type !== 'ImportSpecifier') return module
    const kind = typeOnly === true || each.isTypeOnly === true ? 'type ' : ''
    return `${kind}${each.imported?.value ?? each.local?.value} of ${module}`
  })
}

function textOf(node: unknown): string | undefined {
  return isNode(node) && node.type === 'StringLiteral' ? String(node['value']) : undefined
}

/** A name that must not be used here. */
function nameOf(node: Node): string | undefined {
  if (node.type === 'Identifier') {
    const name = String(node['value'])
    return worldly.has(name) ? name : undefined
  }
  // `import { request } from 'node:http'`, under any local name.
  if (node.type === 'ImportDeclaration' && textOf(node['source']) === 'node:http') return clientOfHttp(node)
  // The `constructor` of a function is `Function`, and that of a connection creates another one.
  return memberOf(node) === 'constructor' ? 'constructor' : undefined
}

function isHarmlessOfProcess(node: Node): boolean {
  const { type, object, property } = node
  if (type !== 'MemberExpression' || !isNode(object) || !isNode(property)) return false
  return isProcess(object) && property.type === 'Identifier' && ofProcess.has(String(property['value']))
}

function isProcess({ type, value }: Node): boolean {
  return type === 'Identifier' && value === 'process'
}

/** The name by which a member is accessed or destructured, if the source contains it. */
function memberOf(node: Node): string | undefined {
  const taken = node.type === 'KeyValuePatternProperty' || node.type === 'AssignmentPatternProperty'
  const name = taken ? node['key'] : node.type === 'MemberExpression' ? node['property'] : undefined
  const inner = isNode(name) && name.type === 'Computed' ? name['expression'] : name
  if (!isNode(inner)) return undefined
  if (inner.type !== 'TemplateLiteral') return String(inner['value'])
  const [only, ...rest]: unknown[] = Array.isArray(inner['quasis']) ? inner['quasis'] : []
  return rest.length === 0 && isNode(only) ? String(only['cooked']) : undefined
}

function clientOfHttp({ specifiers }: Node): string | undefined {
  for (const specifier of Array.isArray(specifiers) ? specifiers : []) {
    if (specifier.type !== 'ImportSpecifier') return 'all of node:http'
    const name = String(specifier.imported?.value ?? specifier.local?.value)
    if (ofHttp.has(name)) return `${name} of node:http`
  }
  return undefined
}

/** Names that are labels and not looked up as globals: members and keys. */
function isLabel(node: Node, key: string): boolean {
  const child = node[key]
  if (isNode(child) && child.type === 'Computed') return false
  return (
    key === 'key' ||
    key === 'imported' ||
    key === 'local' ||
    (key === 'property' && node.type === 'MemberExpression')
  )
}
