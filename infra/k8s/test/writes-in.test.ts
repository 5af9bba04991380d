import { expect, test } from '@jest/globals'
import { writesIn } from './writes-in.ts'

test.each([
  ['docs.insertOne({})', 'insertOne'],
  ['docs.drop()', 'drop'],
  ["docs.rename('other')", 'rename'],
  ["docs.dropIndex('a_1')", 'dropIndex'],
  ['docs.dropIndexes()', 'dropIndexes'],
  ["db.renameCollection('a', 'b')", 'renameCollection'],
  ["db.removeUser('reader')", 'removeUser'],
  ['docs.initializeOrderedBulkOp()', 'initializeOrderedBulkOp'],
  ['docs.initializeUnorderedBulkOp()', 'initializeUnorderedBulkOp'],
  ["files.openUploadStream('name')", 'openUploadStream'],
  ['session.withTransaction(work)', 'withTransaction'],
  ["docs['insertOne']({})", 'insertOne'],
  ['docs[`insertOne`]({})', 'insertOne'],
  ['docs?.insertOne({})', 'insertOne'],
  ['docs.insertOne?.({})', 'insertOne'],
  ["docs?.['insertOne']?.({})", 'insertOne'],
  ['const insert = docs.insertOne.bind(docs)', 'insertOne'],
  ['const { insertOne } = docs', 'insertOne'],
  ['const { insertOne: innocent } = docs', 'insertOne'],
  ["const { ['insertOne']: innocent } = docs", 'insertOne'],
  ["docs.aggregate([{ $out: 'stolen' }])", '$out'],
  ["docs.aggregate([{ '$merge': 'stolen' }])", '$merge'],
  ["docs.aggregate([{ ['$out']: 'stolen' }])", '$out'],
  ["const stage = new Map([['$merge', 'stolen']])", '$merge'],
  ["db.command({ drop: 'docs' })", 'command { drop }'],
  ["db.command({ 'create': 'docs' })", 'command { create }'],
  ['db?.command?.({ applyOps: [] })', 'command { applyOps }'],
  ['db.command({ drop })', 'command { drop }'],
  ["db['command']({ dropDatabase: 1 })", 'command { dropDatabase }'],
  ["connection.run({ collMod: 'docs' })", 'command { collMod }'],
  ["const later = { insert: 'docs', documents: [] }", '{ insert }'],
  ['const later = { insert, documents }', '{ insert }'],
  ["const later = { 'findAndModify': 'docs', query: {} }", '{ findAndModify }'],
])('G0.2 negative control: writes are found in %s', async (source, found) => {
  expect(await writesIn(source)).toEqual([found])
})

test.each([
  "db.command({ find: 'docs' })",
  'db.command(command)',
  'docs.find({ insert: 1 })',
  'queue.push({ update: true })',
  "if (event === 'drop') stop()",
  'map.delete(key)',
])('G0.2 reads are permitted: %s', async (source) => {
  expect(await writesIn(source)).toEqual([])
})
