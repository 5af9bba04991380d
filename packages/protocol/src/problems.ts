import { clientProblems } from './client-problems.ts'
import { serverProblems } from './server-problems.ts'

/** Every problem that a Freshet service answers. `docs/problems.md` is made from this table. */
export const problems = { ...clientProblems, ...serverProblems } as const

/** The name of a problem; the last part of its `type`. */
export type ProblemCode = keyof typeof problems
