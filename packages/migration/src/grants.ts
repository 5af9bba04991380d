import type { Role } from '@freshet/roles'
import type { Document, MongoClient } from 'mongodb'

/**
 * Creates missing roles and updates those that differ from the declaration. Idempotent.
 * @returns one line for each change.
 */
export async function syncRoles(client: MongoClient, roles: readonly Role[]): Promise<readonly string[]> {
  const changes: string[] = []
  for (const { database, name, privileges } of roles) {
    const db = client.db(database)
    const reply = await db.command({ rolesInfo: name, showPrivileges: true })
    const present = firstOf(reply, 'roles')
    if (present === undefined) {
      await db.command({ createRole: name, privileges, roles: [] })
    } else if (!sameGrants(present, privileges)) {
      await db.command({ updateRole: name, privileges, roles: [] })
    } else continue
    changes.push(`role ${name}@${database}`)
  }
  return changes
}

/** How the roles of the database differ from the declaration, one line for each. Changes nothing. */
export async function roleDifferences(
  client: MongoClient,
  roles: readonly Role[],
): Promise<readonly string[]> {
  const found = await Promise.all(
    roles.map(async ({ database, name, privileges }) => {
      const present = firstOf(
        await client.db(database).command({ rolesInfo: name, showPrivileges: true }),
        'roles',
      )
      if (present === undefined) return [`the role ${name}@${database} is missing`]
      return sameGrants(present, privileges) ? [] : [`the role ${name}@${database} has other privileges`]
    }),
  )
  return found.flat()
}

const sameGrants = (present: Document, wanted: Role['privileges']): boolean =>
  canonical(present['privileges']) === canonical(wanted) && canonical(present['roles']) === canonical([])

/** Equal grants give equal text: the server returns privileges and actions in any order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).map(([key, inner]) => `${key}:${canonical(inner)}`)
  return `{${fields.sort().join()}}`
}

/** The first document of a list in a reply of `rolesInfo` or `usersInfo`. */
export function firstOf(reply: Document, list: 'roles' | 'users'): Document | undefined {
  const documents: unknown = reply[list]
  const first: unknown = Array.isArray(documents) ? documents[0] : undefined
  return typeof first === 'object' && first !== null ? first : undefined
}
