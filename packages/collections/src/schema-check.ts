import { Ajv2020, type ErrorObject, type FuncKeywordDefinition } from 'ajv/dist/2020.js'
import type { DataValidateFunction } from 'ajv/dist/types/index.js'
import addFormats from 'ajv-formats'
import type { Issue, JsonObject, JsonValue } from './contract.ts'
import { multipleOf } from './multiple-of.ts'
import { firstRepeated } from './unique-items.ts'

/** Our own words in a collection file, beside those of JSON Schema. */
export const ownKeys = ['x-id', 'x-concurrency', 'x-access', 'x-query'] as const

/** A document that is wrong everywhere need not be told everything. */
const maxIssues = 10

/** Of a document with more values only the first issue is told: to find all of them costs as many objects. */
const maxValuesToSearch = 1_000

/** One compiler for all schemas: strict, so that a misspelt keyword is an error, and exact with decimals (19.99). */
export class SchemaCompiler {
  readonly #first = compilerOf(false)
  readonly #all = compilerOf(true)

  /** @throws {Error} with ajv's words: the schema is none. */
  compile(schema: object): (document: JsonObject) => readonly Issue[] {
    const first = this.#first.compile(schema)
    const all = this.#all.compile(schema)
    return (document) => {
      if (first(document)) return []
      if (isLarge(document)) return (first.errors ?? []).slice(0, 1).map(issueOf)
      all(document)
      return (all.errors ?? []).slice(0, maxIssues).map(issueOf)
    }
  }
}

function compilerOf(allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, allErrors, allowUnionTypes: true })
  // The package says `default` once more than its types do.
  addFormats.default(ajv)
  for (const key of ownKeys) ajv.addKeyword(key)
  // Two words of the standard, whose checks in ajv take too long and are too inexact.
  replaceKeyword(ajv, 'uniqueItems', { type: 'array', schemaType: 'boolean', compile: uniqueItems })
  replaceKeyword(ajv, 'multipleOf', { type: 'number', schemaType: 'number', compile: exactMultiple })
  return ajv
}

type Rule = Pick<FuncKeywordDefinition, 'type' | 'schemaType' | 'compile'>

function replaceKeyword(ajv: Ajv2020, keyword: string, rule: Rule): void {
  ajv.removeKeyword(keyword)
  ajv.addKeyword({ keyword, errors: true, ...rule })
}

function uniqueItems(wanted: boolean): DataValidateFunction {
  const validate: DataValidateFunction = (items: JsonValue[]) => {
    const repeated = wanted ? firstRepeated(items) : undefined
    if (repeated === undefined) return true
    const [before, place] = repeated
    const message = `must NOT have items that are equal (items ${before} and ${place} are)`
    validate.errors = [{ keyword: 'uniqueItems', message, params: {} }]
    return false
  }
  return validate
}

function exactMultiple(step: number): DataValidateFunction {
  const fits = multipleOf(step)
  const validate: DataValidateFunction = (value: number) => {
    if (fits(value)) return true
    validate.errors = [{ keyword: 'multipleOf', message: `must be multiple of ${step}`, params: {} }]
    return false
  }
  return validate
}

/** Counts values, and stops when there are enough. */
function isLarge(document: JsonObject): boolean {
  const open: JsonValue[] = [document]
  let count = 1
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    for (const inner of Array.isArray(value) ? value : Object.values(value)) {
      count += 1
      if (count > maxValuesToSearch) return true
      open.push(inner)
    }
  }
  return false
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
