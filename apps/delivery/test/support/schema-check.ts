import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Schema } from '../../src/protocol/schemas.ts'

/** Throws when a value is not what the schema says. */
export function checkFrames(schema: Schema): (value: unknown) => void {
  const ajv = new Ajv2020({ allErrors: false, strict: true, formats: { 'date-time': true } })
  const validate = ajv.compile(schema)
  return (value) => {
    if (!validate(value)) throw new Error(`${JSON.stringify(value)}: ${ajv.errorsText(validate.errors)}`)
  }
}
