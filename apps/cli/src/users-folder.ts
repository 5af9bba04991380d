/** The address of a user in a directory of addresses. `undefined` if there is none: not every application has every user. */
export function addressOf(path: string, readFile: (path: string) => string): string | undefined {
  try {
    return readFile(path).trim()
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT')
      return undefined
    throw error
  }
}
