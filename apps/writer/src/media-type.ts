import type { PatchFormat } from '@freshet/documents'
import { ProblemError } from '@freshet/protocol'

const json = 'application/json'

/** The formats of patches, by their media types. */
const patchFormats = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
} as const satisfies Record<string, PatchFormat>

/** @throws {ProblemError} unsupported-media-type: the body is not JSON. */
export function expectJson(contentType: string | undefined): void {
  // The usual texts are taken without being taken apart.
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
