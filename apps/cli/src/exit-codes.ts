/** How the program ends. From 69 on they are those of sysexits.h. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unproved: 3,
  unavailable: 69,
  broken: 70,
  badConfig: 78,
} as const

/** What they mean where a command does not say it in its own words; `--help` prints them. */
export const commonExits: Readonly<Record<number, string>> = {
  [exitCodes.done]: 'It is done.',
  [exitCodes.failed]: 'It failed; the message says why.',
  [exitCodes.unavailable]: 'The database does not answer.',
  [exitCodes.badConfig]: 'An option, a file, or what the address of the database leads to is wrong.',
}
