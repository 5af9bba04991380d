import { createServer } from 'node:net'

/** Whether nobody listens on this port of 127.0.0.1. The answer is about now: another process may take it next. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
