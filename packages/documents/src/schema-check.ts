import { Ajv2020, type ErrorObject, type FuncKeywordDefinition } from 'ajv/dist/2020.js'
import type { DataValidateFunction } from 'ajv/dist/types/index.js'
import type { Issue, JsonObject, JsonValue } from './contract.ts'
import { formatsOver } from './formats.ts'
import { LinearPattern } from './linear-pattern.ts'
import { multipleOf } from './multiple-of.ts'
import { PatternError } from './pattern-program.ts'
import { recursionOf } from './recursion.ts'
import { Steps, TooManySteps } from './steps.ts'
import { UniqueItems } from './unique-items.ts'

/** Our own keywords in collection files, besides those of JSON Schema. */
export const ownKeys = ['x-id', 'x-collection', 'x-concurrency', 'x-access'] as const

/** Enough for a document that is wrong everywhere. */
const maxIssues = 10

/** Documents with more values get only the first issue: collecting all allocates as many objects. */
const maxValuesToSearch = 1_000

/** Step budget for validating one document: at most half a second of CPU time. */
const maxSteps = 20_000_000

/** Additional step budget for collecting issues beyond the first. */
const maxStepsToSearch = 1_000_000

/** Minimum steps for following a recursive `$ref`: the checks there, and the errors kept meanwhile. */
const stepsPerReturn = 150

/** Steps per value for each schema on a recursive path, besides the value's length: at most one error. */
const stepsPerVisit = 20

/** Steps to decompose a number. */
const stepsPerMultiple = 30

/** Internal keyword that charges steps on recursive paths. Collection files cannot use it. */
const stepsKey = 'x-steps'

/**
 * One compiler for all schemas. Strict, so that a misspelled keyword is an error; exact for decimals (19.99); and
 * bounded: anything that can take more than linear time draws on one step budget.
 */
export class SchemaCompiler {
  readonly #steps = new Steps()
  readonly #unique = new UniqueItems(this.#steps)
  readonly #first = compilerOf(false, this.#steps, this.#unique)
  readonly #all = compilerOf(true, this.#steps, this.#unique)

  /** @throws {Error} from Ajv if the schema is invalid. */
  compile(schema: object): (document: JsonObject) => readonly Issue[] {
    const marked = structuredClone(schema)
    const { places, within } = recursionOf(marked)
    for (const schema of within) Reflect.set(schema, stepsKey, stepsPerVisit)
    for (const place of places) Reflect.set(place, stepsKey, stepsPerReturn)
    this.#steps.begin(Number.POSITIVE_INFINITY)
    const first = this.#first.compile(marked)
    const all = this.#all.compile(marked)
    return (document) => {
      const firstIssues = (): readonly Issue[] => (first.errors ?? []).slice(0, 1).map(issueOf)
      const fits = this.#within(maxSteps, () => first(document))
      if (fits === undefined) return [tooManySteps]
      if (fits) return []
      if (isLarge(document)) return firstIssues()
      const searched = this.#within(maxStepsToSearch, () => all(document))
      return searched === undefined ? firstIssues() : (all.errors ?? []).slice(0, maxIssues).map(issueOf)
    }
  }

  /** Why a string cannot be used as a pattern; `undefined` if it can. */
  patternFault(source: string): string | undefined {
    try {
      return void new LinearPattern(source, new Steps())
    } catch (error) {
      if (error instanceof PatternError) return error.message
      throw error
    }
  }

  /** `undefined` if it takes more steps. */
  #within(limit: number, check: () => boolean): boolean | undefined {
    this.#steps.begin(limit)
    try {
      return check()
    } catch (error) {
      // RangeError: a `$ref` refers to itself without descending into the document, so the stack overflows.
      if (error instanceof TooManySteps || error instanceof RangeError) return undefined
      throw error
    } finally {
      this.#unique.forget()
    }
  }
}

const tooManySteps: Issue = Object.freeze({
  pointer: '',
  detail: `takes more than ${maxSteps} steps to check against the schema; send a smaller document`,
})

function compilerOf(allErrors: boolean, steps: Steps, unique: UniqueItems): Ajv2020 {
  const regExp = Object.assign((source: string) => new LinearPattern(source, steps), {
    code: 'linearPattern',
  })
  const ajv = new Ajv2020({
    strict: true,
    allErrors,
    // The other compiler has checked the schema before. Compiling the schema of schemas takes 0.2 s.
    validateSchema: !allErrors,
    allowUnionTypes: true,
    formats: formatsOver(steps),
    code: { regExp },
  })
  for (const key of ownKeys) ajv.addKeyword(key)
  const first = ajv.RULES.rules.find(({ type }) => type === undefined)?.rules[0]?.keyword
  if (first === undefined) throw new TypeError('expected Ajv rules that apply to every type')
  ajv.addKeyword({
    keyword: stepsKey,
    schemaType: 'number',
    // Runs before everything that may fail or recurse.
    before: first,
    compile: (perVisit: number) => (value: JsonValue) => {
      steps.take(perVisit + lengthOf(value))
      return true
    },
  })
  // Ajv's own checks for these two keywords are too slow and inexact.
  replaceKeyword(ajv, 'uniqueItems', { type: 'array', schemaType: 'boolean', compile: uniqueItems(unique) })
  replaceKeyword(ajv, 'multipleOf', { type: 'number', schemaType: 'number', compile: exactMultiple(steps) })
  return ajv
}

type Rule = Pick<FuncKeywordDefinition, 'type' | 'schemaType' | 'compile'>

function replaceKeyword(ajv: Ajv2020, keyword: string, rule: Rule): void {
  ajv.removeKeyword(keyword)
  ajv.addKeyword({ keyword, errors: true, ...rule })
}

function uniqueItems(unique: UniqueItems): (wanted: boolean) => DataValidateFunction {
  return (wanted) => {
    const validate: DataValidateFunction = (items: JsonValue[]) => {
      const repeated = wanted ? unique.firstRepeated(items) : undefined
      if (repeated === undefined) return true
      const [before, place] = repeated
      const message = `must NOT have items that are equal (items ${before} and ${place} are)`
      validate.errors = [{ keyword: 'uniqueItems', message, params: {} }]
      return false
    }
    return validate
  }
}

function exactMultiple(steps: Steps): (unit: number) => DataValidateFunction {
  return (unit) => {
    const fits = multipleOf(unit)
    const validate: DataValidateFunction = (value: number) => {
      steps.take(stepsPerMultiple)
      if (fits(value)) return true
      validate.errors = [{ keyword: 'multipleOf', message: `must be multiple of ${unit}`, params: {} }]
      return false
    }
    return validate
  }
}

/** The number of characters, items or names that keywords for the whole value inspect. */
function lengthOf(value: JsonValue): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}

/** Counts values up to a limit. */
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

/** Details that Ajv's messages omit. */
function extra(keyword: string, params: Record<string, unknown>): string {
  if (keyword === 'additionalProperties') return `: '${String(params['additionalProperty'])}'`
  if (keyword === 'enum') return `: ${JSON.stringify(params['allowedValues'])}`
  return ''
}
