import type { Id, IdType } from './change.ts'

const MAX_ID_LENGTH = 256

/** 1 for each ASCII code that an id may contain. */
const idCodes = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~@|:.-')
  idCodes[char.charCodeAt(0)] = 1

/** Whether a decoded string is a valid id: 1 to 256 of `A-Z a-z 0-9 _ ~ @ | : . -`, not `.` or `..`. */
export function isId(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_ID_LENGTH || text === '.' || text === '..') return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || idCodes[code] !== 1) return false
  }
  return true
}

const forms: Readonly<Record<Exclude<IdType, 'string'>, RegExp>> = {
  objectid: /^[0-9a-f]{24}$/,
  integer: /^(?:0|-?[1-9][0-9]{0,15})$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
}

/** The form of each id type, for error messages. */
const words: Readonly<Record<IdType, string>> = {
  string: '1 to 256 characters of A-Z a-z 0-9 _ ~ @ | : . - other than "." and ".."',
  objectid: '24 hexadecimal digits in lower case',
  integer: 'an integer within 2^53, without leading zeros or a plus',
  uuid: 'a UUID in lower case: 8-4-4-4-12 hexadecimal digits',
}

/**
 * Whether a string is a valid id of this type, in canonical form: hex digits in lower case, integers without leading
 * zeros and within 2^53. Other spellings are invalid, so that a document has one URL. Shared by writers and readers.
 */
export function isValidId(idType: IdType, id: string): boolean {
  if (idType === 'string') return isId(id)
  return forms[idType].test(id) && (idType !== 'integer' || Number.isSafeInteger(Number(id)))
}

/** The error detail for an invalid id. */
export function badIdDetail(idType: IdType, id: Id): string {
  return `Expected ${words[idType]}; got ${JSON.stringify(id.length > 80 ? `${id.slice(0, 80)}…` : id)}.`
}
