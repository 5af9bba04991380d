import { BodyError, type PatchFormat } from '@freshet/documents'
import { ProblemError } from '@freshet/protocol'
import { receiveBody } from '@freshet/service'
import type { WriteRequest } from './write-request.ts'

/** Reads the whole body; call it once. Rejects as `receiveBody` does. */
export function readBody({ request, share, once }: WriteRequest, maxBodyBytes: number): Promise<Buffer> {
  const received = receiveBody(request, maxBodyBytes, share)
  return once === undefined ? received : received.then((body) => once.take(body))
}

/** Runs `work` and converts a `BodyError` into the problem with the same code. @throws {ProblemError} */
export function withBodyProblems<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    const { code, pointer, detail } = error
    throw new ProblemError(code, { errors: [{ pointer, detail }], cause: error })
  }
}

const json = 'application/json'

/** The formats of patches, by their media types. */
const patchFormats = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
} as const satisfies Record<string, PatchFormat>

/** @throws {ProblemError} unsupported-media-type: the body is not JSON. */
export function expectJson(contentType: string | undefined): void {
  // Fast path for the usual value.
  if (contentType === json || typeOf(contentType) === json) return
  throw new ProblemError('unsupported-media-type', {
    detail: `Expected Content-Type: ${json}.`,
    headers: { 'accept-post': json },
  })
}

/** @throws {ProblemError} unsupported-media-type, with `Accept-Patch` (RFC 5789, 3.1). */
export function expectPatch(contentType: string | undefined): PatchFormat {
  const type = typeOf(contentType)
  for (const [name, format] of Object.entries(patchFormats)) if (type === name) return format
  const accepted = Object.keys(patchFormats).join(', ')
  throw new ProblemError('unsupported-media-type', {
    detail: `Expected Content-Type: ${Object.keys(patchFormats).join(' or ')}.`,
    headers: { 'accept-patch': accepted },
  })
}

/** The media type in lower case; `undefined` when a charset other than UTF-8 is named, which JSON does not have. */
function typeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  const other = parameters.find((one) => one.startsWith('charset=') && !/^charset="?utf-?8"?$/.test(one))
  return other === undefined ? type : undefined
}
