import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Issue, JsonObject } from './contract.ts'

/** Our own words in a collection file, beside those of JSON Schema. */
export const ownKeys = ['x-id', 'x-concurrency', 'x-access', 'x-query'] as const

/** A document that is wrong everywhere need not be told everything. */
const maxIssues = 10

/** One compiler for all schemas: strict, so that a misspelt keyword is an error, and exact with decimals (19.99). */
export class SchemaCompiler {
  readonly #ajv: Ajv2020

  constructor() {
    this.#ajv = new Ajv2020({ strict: true, allErrors: true, multipleOfPrecision: 6, allowUnionTypes: true })
    // The package says `default` once more than its types do.
    addFormats.default(this.#ajv)
    for (const key of ownKeys) this.#ajv.addKeyword(key)
  }

  /** @throws {Error} with ajv's words: the schema is none. */
  compile(schema: object): (document: JsonObject) => readonly Issue[] {
    const validate: ValidateFunction = this.#ajv.compile(schema)
    return (document) => (validate(document) ? [] : (validate.errors ?? []).slice(0, maxIssues).map(issueOf))
  }
}

function issueOf({ instancePath, keyword, message, params }: ErrorObject): Issue {
  return { pointer: instancePath, detail: `${message ?? keyword}${extra(keyword, params)}` }
}

/** ajv leaves out what would help most. */
function extra(keyword: string, params: Record<string, unknown>): string {
  if (keyword === 'additionalProperties') return `: '${String(params['additionalProperty'])}'`
  if (keyword === 'enum') return `: ${JSON.stringify(params['allowedValues'])}`
  return ''
}
