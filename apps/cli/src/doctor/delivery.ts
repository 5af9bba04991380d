import { examine, type Examination, type LayerFinding, type OpenOptions } from '@freshet/guard'
import { messagesDatabase } from '@freshet/mongodb-rules'

const rights = ['changeStream', 'find']

/**
 * Examines the deliveries' user, which may find and watch in the database of messages, and nothing else anywhere.
 * `database` is that of the application. @throws {GuardError} as `examine`.
 */
export async function examineDelivery(options: OpenOptions): Promise<Examination> {
  const database = messagesDatabase(options.database)
  const found = await examine({ ...options, database, alsoReads: [] })
  return { ...found, layers: [...found.layers, rightsFinding(database, found.grants)] }
}

function rightsFinding(database: string, grants: Examination['grants']): LayerFinding {
  const whole = JSON.stringify({ db: database, collection: '' })
  const isExpected = ({ resource, action }: Examination['grants'][number]): boolean =>
    resource === whole && rights.includes(action)
  const missing = rights.filter(
    (right) => !grants.some((grant) => isExpected(grant) && grant.action === right),
  )
  const others = grants.filter((grant) => !isExpected(grant))
  const common = { layer: 'G4', name: 'rights' } as const
  if (missing.length === 0 && others.length === 0)
    return {
      ...common,
      stands: true,
      seen: `the user may ${rights.join(' and ')} on ${database}, and nothing else`,
      remedy: undefined,
    }
  const [other] = others
  return {
    ...common,
    stands: false,
    seen: [
      ...(missing.length > 0 ? [`the user may not ${missing.join(' or ')} on ${database}`] : []),
      ...(other ? [`the user may ${other.action} on ${other.resource}`] : []),
    ].join('; '),
    remedy: 'Run `freshet migrate --messages`, and use the address of freshet-delivery for deliveries.',
  }
}
