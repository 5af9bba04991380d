/** Runs something after the current turn: `setImmediate`. */
export type Defer = (run: () => void) => void
