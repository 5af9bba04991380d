import {
  ownSchema,
  ownTables,
  quoted,
  roleOf,
  userNames,
  type Table,
  type UserName,
} from '@freshet/postgres-rules'
import type { Client } from 'pg'
import { nameOf } from './objects.ts'

/** A right, as PostgreSQL names it. */
interface Grant {
  readonly user: UserName
  readonly kind: 'table' | 'schema'
  readonly name: string
  readonly rights: readonly string[]
}

/** `for update` locks a row, and needs UPDATE. */
const writing = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']

function grantsFor(tables: readonly Table[]): readonly Grant[] {
  const schemas = [...new Set(tables.map(({ schema }) => quoted(schema)))]
  return [
    ...userNames.flatMap((user): readonly Grant[] => [
      ...schemas.map((name): Grant => ({ user, kind: 'schema', name, rights: ['USAGE'] })),
      ...tables.map((table): Grant => {
        const rights = user === 'freshet-writer' ? writing : ['SELECT']
        return { user, kind: 'table', name: nameOf(table), rights }
      }),
    ]),
    { user: 'freshet-writer', kind: 'schema', name: ownSchema, rights: ['USAGE'] },
    { user: 'freshet-writer', kind: 'table', name: ownTables.answers, rights: writing },
    { user: 'freshet-writer', kind: 'table', name: ownTables.control, rights: ['SELECT', 'UPDATE'] },
  ]
}

/** Grants what is missing. Revokes nothing. @returns one line for each grant */
export async function syncGrants(
  client: Client,
  database: string,
  tables: readonly Table[],
): Promise<readonly string[]> {
  const changes: string[] = []
  for (const { user, kind, name, rights } of grantsFor(tables)) {
    const role = roleOf(user, database)
    const missing: string[] = []
    for (const right of rights) {
      const { rows } = await client.query(`select has_${kind}_privilege($1, $2, $3) as has`, [
        role,
        kind === 'schema' ? name.replaceAll(/^"|"$/g, '').replaceAll('""', '"') : name,
        right,
      ])
      if (rows[0]?.has !== true) missing.push(right)
    }
    if (missing.length === 0) continue
    await client.query(`grant ${missing.join(', ')} on ${kind} ${name} to ${quoted(role)}`)
    changes.push(`rights of ${role}: ${missing.join(', ')} on ${name}`)
  }
  return changes
}
