import type { readStageNames } from './allowed-names.ts'

type ReadStageName = (typeof readStageNames)[number]

/** What stands beside a sub-pipeline is not looked at by the compiler. */
interface WithPipeline {
  readonly pipeline?: ReadPipeline
  readonly [field: string]: unknown
}

type ArgumentOf<Name extends ReadStageName> = Name extends '$facet'
  ? Readonly<Record<string, ReadPipeline>>
  : Name extends '$lookup' | '$unionWith'
    ? string | WithPipeline
    : unknown

/** One stage that only reads; a name that is not on the list does not compile. */
export type ReadStage = { readonly [Name in ReadStageName]?: ArgumentOf<Name> }

/** A pipeline of such stages, sub-pipelines included. */
export type ReadPipeline = readonly ReadStage[]
