/** Exit codes. Those from 69 up follow sysexits.h. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unproved: 3,
  unavailable: 69,
  broken: 70,
  badConfig: 78,
} as const

/** Default meanings for `--help`. */
export const commonExits: Readonly<Record<number, string>> = {
  [exitCodes.done]: 'Success.',
  [exitCodes.failed]: 'Failure; the message says why.',
  [exitCodes.unavailable]: 'The database does not answer.',
  [exitCodes.badConfig]: 'An option, a file, or the database or its address is invalid.',
}
