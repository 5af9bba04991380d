import type { Attack } from '@freshet/guard/test/attacks/attack'
import type { Outcome } from '@freshet/guard/test/bench'
import { change, never, serviceOf } from '@freshet/handlers/test/support'
import type { HandlerContext, HandlerOptions, HeardChange } from '../../src/index.ts'
import { writtenBy } from '../../src/mongodb/written.ts'

/** Runs a handler that declares these collections once. Returns its result, or `undefined` if it rejected. */
export async function inHandler<T>(
  collections: readonly string[],
  work: (context: HandlerContext) => Promise<T>,
  options: Partial<HandlerOptions> = {},
): Promise<T | undefined> {
  const { handlers } = serviceOf(options)
  let result: T | undefined
  const handler = {
    name: 'h',
    collections: ['orders'],
    allowWrites: collections.map((collection) => ({ collection, reason: 'a test' })),
    handle: async (_: HeardChange, context: HandlerContext) => {
      result = await work(context)
    },
  }
  await handlers.add(handler).hear(change('orders/1'), never)
  handlers.remove(handler)
  return result
}

/**
 * The attacks that a watched client must stop. Excluded are foreign code in a read and `validate`, which write nothing,
 * and other clients, which are not watched.
 */
export const throughWatch = (attacks: readonly Attack[]): readonly Attack[] =>
  attacks.filter(
    ({ byRole, name, besideVeto }) =>
      besideVeto === undefined &&
      name !== 'Admin.validateCollection' &&
      (byRole !== 'no error' || name.includes('without waiting')),
  )

/**
 * G7: why the watch permits it. A command that ends or inspects something is no write of a handler, although no reader
 * sends it.
 */
export function passedWatch(outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined) return 'the handler did not end'
  const written = outcome.writes.filter(
    (name) => writtenBy({ [name]: 'docs' }, 'app', 'app') !== undefined || name === 'aggregate',
  )
  return written.length > 0 ? written.join() : undefined
}
