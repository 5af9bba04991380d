import { BodyError } from '@freshet/collections'
import { ProblemError } from '@freshet/protocol'

/** What `work` gives; what it finds wrong with a body becomes the problem of that name. @throws {ProblemError} */
export function judged<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    const { code, pointer, detail } = error
    throw new ProblemError(code, { errors: [{ pointer, detail }], cause: error })
  }
}
