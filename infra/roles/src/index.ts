export { idempotencyCollection, internalDatabase, messageRolesOf, roleNames, rolesOf } from './mongodb.ts'
export type { Privilege, Role, RoleName } from './mongodb.ts'
