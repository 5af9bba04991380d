import { kill, pid, stdin } from 'node:process'

/**
 * Preloaded into each child: when the parent process ends, even by `kill -9`, the pipe closes, and the child shuts down
 * gracefully.
 */
stdin.on('close', () => kill(pid, 'SIGTERM'))
stdin.on('error', () => undefined)
stdin.resume()
// The pipe must not keep a finished child alive.
stdin.unref()
