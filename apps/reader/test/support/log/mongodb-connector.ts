import { mongoDbPrivileges } from '@freshet/debezium'
import type { TestDatabase } from '@freshet/testkit'

/** The address with a user who has the rights that docs/debezium.md gives Debezium, and no other. */
export async function connectorUri({ admin, adminUri, database }: TestDatabase): Promise<string> {
  const name = 'debezium'
  const users = admin.db('admin')
  await users.command({ createRole: name, privileges: mongoDbPrivileges(database), roles: [] })
  await users.command({ createUser: name, pwd: name, roles: [name] })
  return adminUri.replace(/\/\/.*@/, `//${name}:${name}@`)
}
