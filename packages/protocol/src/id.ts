const MAX_ID_LENGTH = 256

/** 1 for each ASCII code that an id may hold. */
const idCodes = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~@|:.-')
  idCodes[char.charCodeAt(0)] = 1

/** Whether a decoded text has the form of an id: 1 to 256 of `A-Z a-z 0-9 _ ~ @ | : . -`, not `.` or `..`. */
export function isId(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_ID_LENGTH || text === '.' || text === '..') return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || idCodes[code] !== 1) return false
  }
  return true
}
