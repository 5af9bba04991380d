import { BodyError } from '@freshet/documents'
import { ProblemError } from '@freshet/protocol'
import { receiveBody } from '@freshet/service'
import type { Asked } from './asked.ts'

/** The whole body of a request; call it once. Rejects as `receiveBody` does. */
export function bodyOf({ request, share, once }: Asked, maxBodyBytes: number): Promise<Buffer> {
  const received = receiveBody(request, maxBodyBytes, share)
  return once === undefined ? received : received.then((body) => once.take(body))
}

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
