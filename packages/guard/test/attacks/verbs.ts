import { ObjectId } from 'mongodb'
import type { GridFSBucket } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack } from './attack.ts'

const row = { _id: 9, a: 9 }
const searchIndex = { name: 's', definition: {} }

/** The methods of the driver's `Collection`. */
export const collectionVerbs: readonly Attack[] = [
  attack('Collection.insertOne', ({ docs }) => docs.insertOne({ a: 9 })),
  attack('Collection.insertMany', ({ docs }) => docs.insertMany([{ a: 9 }, { a: 10 }])),
  attack('Collection.updateOne', ({ docs }) => docs.updateOne({ a: 1 }, { $set: { a: 9 } })),
  attack('Collection.updateMany', ({ docs }) => docs.updateMany({}, { $inc: { a: 9 } }, { upsert: true })),
  attack('Collection.replaceOne', ({ docs }) => docs.replaceOne({ a: 1 }, { a: 9 })),
  attack('Collection.deleteOne', ({ docs }) => docs.deleteOne({ a: 1 })),
  attack('Collection.deleteMany', ({ docs }) => docs.deleteMany({})),
  attack('Collection.findOneAndUpdate', ({ docs }) => docs.findOneAndUpdate({ a: 1 }, { $set: { a: 9 } })),
  attack(
    'findOneAndUpdate with upsert',
    ({ docs }) => docs.findOneAndUpdate({ a: 8 }, { $set: { b: 9 } }, { upsert: true }),
    {
      source:
        "connection.collection('docs').findOneAndUpdate({ a: 8 }, { $set: { b: 9 } }, { upsert: true })",
    },
  ),
  attack('Collection.findOneAndReplace', ({ docs }) => docs.findOneAndReplace({ a: 1 }, { a: 9 })),
  attack(
    'findOneAndReplace with upsert',
    ({ docs }) => docs.findOneAndReplace({ a: 8 }, { a: 9 }, { upsert: true }),
    { source: "connection.collection('docs').findOneAndReplace({ a: 8 }, { a: 9 }, { upsert: true })" },
  ),
  attack('Collection.findOneAndDelete', ({ docs }) => docs.findOneAndDelete({ a: 1 })),
  attack('Collection.bulkWrite', ({ docs }) => docs.bulkWrite([{ insertOne: { document: { a: 9 } } }])),
  attack(
    'Collection.initializeOrderedBulkOp',
    async ({ docs }) => {
      const bulk = docs.initializeOrderedBulkOp()
      bulk.insert({ a: 9 })
      bulk.raw({ deleteOne: { filter: { a: 1 } } })
      bulk.find({ a: 2 }).update({ $set: { a: 9 } })
      return bulk.execute()
    },
    { methods: ['Collection.initializeOrderedBulkOp', ...bulkMethods('OrderedBulkOperation')] },
  ),
  attack(
    'Collection.initializeUnorderedBulkOp',
    async ({ docs }) => docs.initializeUnorderedBulkOp().insert({ a: 9 }).execute(),
    { methods: ['Collection.initializeUnorderedBulkOp', ...bulkMethods('UnorderedBulkOperation')] },
  ),
  attack('Collection.createIndex', ({ docs }) => docs.createIndex({ a: 1 })),
  attack('Collection.createIndexes', ({ docs }) => docs.createIndexes([{ key: { a: 1 } }])),
  attack('Collection.dropIndex', ({ docs }) => docs.dropIndex('b_1')),
  attack('Collection.dropIndexes', ({ docs }) => docs.dropIndexes()),
  attack('Collection.createSearchIndex', ({ docs }) => docs.createSearchIndex(searchIndex), {
    byRole: 'invalid',
  }),
  attack('Collection.createSearchIndexes', ({ docs }) => docs.createSearchIndexes([searchIndex]), {
    byRole: 'invalid',
  }),
  attack('Collection.updateSearchIndex', ({ docs }) => docs.updateSearchIndex('s', {}), {
    byRole: 'invalid',
  }),
  attack('Collection.dropSearchIndex', ({ docs }) => docs.dropSearchIndex('s'), { byRole: 'invalid' }),
  attack('Collection.rename', ({ docs }) => docs.rename('renamed')),
  attack('Collection.drop', ({ docs }) => docs.drop()),
  attack('insertOne without waiting', ({ docs }) => docs.insertOne({ a: 9 }, { writeConcern: { w: 0 } }), {
    byRole: 'no error',
    source: "connection.collection('docs').insertOne({ a: 9 }, { writeConcern: { w: 0 } })",
  }),
  attack('deleteMany without waiting', ({ docs }) => docs.deleteMany({}, { writeConcern: { w: 0 } }), {
    byRole: 'no error',
    source: "connection.collection('docs').deleteMany({}, { writeConcern: { w: 0 } })",
  }),
]

/** The methods of its `Db` and `Admin`. */
export const databaseVerbs: readonly Attack[] = [
  attack('Db.createCollection', ({ db }) => db.createCollection('made')),
  attack('create a view', ({ db }) => db.createCollection('seen', { viewOn: 'docs', pipeline: [] }), {
    source: "connection.createCollection('seen', { viewOn: 'docs', pipeline: [] })",
  }),
  attack('Db.createIndex', ({ db }) => db.createIndex('docs', { a: 1 })),
  attack('Db.renameCollection', ({ db }) => db.renameCollection('docs', 'renamed')),
  attack('Db.dropCollection', ({ db }) => db.dropCollection('docs')),
  attack('Db.dropDatabase', ({ db }) => db.dropDatabase()),
  attack('Db.removeUser', ({ db }) => db.removeUser('reader')),
  attack('Db.setProfilingLevel', ({ db }) => db.setProfilingLevel('all')),
  attack('Db.command', ({ db }) => db.command({ insert: 'docs', documents: [row] })),
  attack('Db.runCursorCommand', ({ db }) =>
    db.runCursorCommand({ insert: 'docs', documents: [row] }).toArray(),
  ),
  attack('Admin.command', ({ admin }) => admin.command({ insert: 'docs', documents: [row] })),
  attack('Admin.removeUser', ({ admin }) => admin.removeUser('reader')),
  attack('Admin.validateCollection', ({ admin }) => admin.validateCollection('docs')),
]

/** The methods of its client, sessions and GridFS. */
export const clientVerbs: readonly Attack[] = [
  attack(
    'MongoClient.bulkWrite',
    ({ client, db }) =>
      client.bulkWrite([
        { name: 'insertOne', namespace: `${db.databaseName}.docs`, document: new Map([['a', 9]]) },
      ]),
    { byRole: 'invalid' },
  ),
  attack(
    'ClientSession.withTransaction',
    ({ client, docs }) =>
      client.withSession((session) => session.withTransaction(() => docs.insertOne({ a: 9 }, { session }))),
    { methods: ['ClientSession.withTransaction', 'MongoClient.withSession'] },
  ),
  attack(
    'ClientSession.commitTransaction',
    async ({ client, docs }) => {
      await using session = client.startSession()
      session.startTransaction()
      await docs.findOne({}, { session })
      await docs.insertOne({ a: 9 }, { session })
      await session.commitTransaction()
    },
    {
      methods: [
        'MongoClient.startSession',
        ...['startTransaction', 'commitTransaction', 'abortTransaction'].map(
          (method) => `ClientSession.${method}`,
        ),
      ],
    },
  ),
  attack('GridFSBucket.openUploadStream', ({ files }) => upload(files), {
    methods: ['GridFSBucket.openUploadStream', 'GridFSBucket.openUploadStreamWithId'],
  }),
  attack('GridFSBucketWriteStream.abort', async ({ files }) => {
    const stream = files.openUploadStream('name')
    // The stream's first request is then complete.
    await new Promise((resolve) => stream.on('error', resolve).write('bytes', resolve))
    await stream.abort()
  }),
  attack('GridFSBucket.delete', ({ files }) => files.delete(new ObjectId())),
  attack('GridFSBucket.rename', ({ files }) => files.rename(new ObjectId(), 'other')),
  attack('GridFSBucket.drop', ({ files }) => files.drop()),
]

function bulkMethods(className: string): readonly string[] {
  return ['addToOperationsList', 'insert', 'find', 'raw', 'execute'].map((method) => `${className}.${method}`)
}

function upload(files: GridFSBucket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    files.openUploadStream('name').on('error', reject).on('finish', resolve).end('bytes')
  })
}
