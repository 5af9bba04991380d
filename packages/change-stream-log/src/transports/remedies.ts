/** What to change if the server of a log fails: the general remedies speak of a database. */
export const logRemedies = {
  DISCONNECTED: 'Wait. If it persists, check the address, and that the server of the log runs.',
  DENIED: 'Check user and password, and allow the user to read the log.',
  HISTORY_LOST: 'None needed: the log is read again.',
} as const
