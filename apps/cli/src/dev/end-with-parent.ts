import { kill, pid, stdin } from 'node:process'

/**
 * Loaded into each child before its own code: when the process that started it is gone, however it ended, the pipe to
 * it closes, and the child asks itself to stop in order. So nothing is left behind even after `kill -9`.
 */
stdin.on('close', () => kill(pid, 'SIGTERM'))
stdin.on('error', () => undefined)
stdin.resume()
// The pipe alone must not keep a child alive that has finished.
stdin.unref()
