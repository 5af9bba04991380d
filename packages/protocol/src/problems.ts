import { clientProblems } from './client-problems.ts'
import { serverProblems } from './server-problems.ts'

/** All problems of Freshet's services. `docs/problems.md` is generated from this table. */
export const problems = { ...clientProblems, ...serverProblems } as const

/** The name of a problem; the last part of its `type`. */
export type ProblemCode = keyof typeof problems
