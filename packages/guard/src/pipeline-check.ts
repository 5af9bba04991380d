import { readStages } from './allowed-names.ts'

/**
 * The first stage of a pipeline that is not on the list of read stages, sub-pipelines of `$facet`, `$lookup`,
 * `$unionWith` and every other stage included; `undefined` when all are.
 */
export function stageRefusal(pipeline: unknown): string | undefined {
  if (!Array.isArray(pipeline)) return 'a pipeline that is no array'
  for (const stage of pipeline) {
    const refusal = refusalOfStage(stage)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

function refusalOfStage(stage: unknown): string | undefined {
  if (typeof stage !== 'object' || stage === null) return String(stage)
  const names = Object.keys(stage)
  const name = names[0]
  if (name === undefined || names.length > 1) return `a stage with ${names.length} names`
  if (!readStages.has(name)) return name
  const argument: unknown = Object.values(stage)[0]
  if (typeof argument !== 'object' || argument === null) return undefined
  if (name === '$facet') return first(Object.values(argument), stageRefusal)
  return 'pipeline' in argument && argument.pipeline !== undefined
    ? stageRefusal(argument.pipeline)
    : undefined
}

function first(
  values: readonly unknown[],
  check: (value: unknown) => string | undefined,
): string | undefined {
  for (const value of values) {
    const refusal = check(value)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
