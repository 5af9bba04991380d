import type { Document } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack, ByRole, Target } from './attack.ts'

const row = { _id: 9, a: 9 }
const map = 'function () { emit(1, 1) }'
const reduce = 'function () { return 1 }'

/** Raw commands; each is sent with `Db.command`, in its own spelling and with changed case. */
const byHand: readonly (readonly [Document, ByRole?, 'admin'?])[] = [
  [{ insert: 'docs', documents: [row] }],
  [{ update: 'docs', updates: [{ q: {}, u: { $set: { a: 9 } } }] }],
  [{ delete: 'docs', deletes: [{ q: {}, limit: 0 }] }],
  [{ findAndModify: 'docs', query: {}, remove: true }],
  [{ bulkWrite: 1, ops: [{ insert: 0, document: row }], nsInfo: [{ ns: 'app.docs' }] }, 'invalid', 'admin'],
  [{ mapReduce: 'docs', map, reduce, out: 'stolen' }],
  [{ mapReduce: 'docs', map, reduce, out: { inline: 1 } }, 'no error'],
  [{ create: 'made' }],
  [{ createIndexes: 'docs', indexes: [{ key: { a: 1 }, name: 'a' }] }],
  [{ dropIndexes: 'docs', index: 'b_1' }],
  [{ drop: 'docs' }],
  [{ dropDatabase: 1 }],
  [{ collMod: 'docs', validator: {} }],
  [{ convertToCapped: 'docs', size: 1 }],
  [{ cloneCollectionAsCapped: 'docs', toCollection: 'made', size: 4096 }],
  [{ applyOps: [{ op: 'i', ns: 'app.docs', o: row }] }, 'denied', 'admin'],
  [{ renameCollection: 'app.docs', to: 'app.renamed' }, 'denied', 'admin'],
  [{ createUser: 'mallory', pwd: 'x', roles: ['root'] }, 'denied', 'admin'],
  [{ createRole: 'all', privileges: [], roles: ['root'] }, 'denied', 'admin'],
  [{ grantRolesToUser: 'reader', roles: ['root'] }, 'denied', 'admin'],
  [{ updateUser: 'reader', roles: ['root'] }, 'denied', 'admin'],
  [{ setParameter: 1, logLevel: 0 }, 'denied', 'admin'],
  [{ setFeatureCompatibilityVersion: '6.0' }, 'denied', 'admin'],
  [{ fsync: 1 }, 'denied', 'admin'],
  [{ compact: 'docs' }],
  [{ reIndex: 'docs' }],
  [{ shutdown: 1 }, 'denied', 'admin'],
  [{ replSetStepDown: 1 }, 'denied', 'admin'],
  [{ killOp: 1, op: 1 }, 'denied', 'admin'],
  [{ profile: 2 }],
  [{ explain: { delete: 'docs', deletes: [{ q: {}, limit: 0 }] } }],
]

/** Commands without a driver method, or bypassing it. */
export const commands = byHand.flatMap(([body, byRole = 'denied', where]): readonly Attack[] => {
  const name = Object.keys(body)[0] ?? ''
  const odd = name.charAt(0).toUpperCase() + name.slice(1).toLowerCase()
  const bent = { [odd]: body[name], ...body, [name]: undefined }
  const at = ({ db, admin }: Target, command: Document) =>
    where === 'admin' ? admin.command(command) : db.command(command, { ignoreUndefined: true })
  return [
    attack(`the command ${name}`, (target) => at(target, body), { byRole, source: sourceOf(body) }),
    attack(`the command ${odd}`, (target) => at(target, bent), { byRole: 'invalid', source: sourceOf(bent) }),
  ]
})

function sourceOf(command: Document): string {
  return `connection.run(${JSON.stringify(command)})`
}
