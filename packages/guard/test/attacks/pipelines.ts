import type { Document } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack } from './attack.ts'

/** Every stage that writes, and every operator that runs code. */
const stages: Readonly<Record<string, Document>> = {
  $out: { $out: 'stolen' },
  '$out to another database': { $out: { db: 'elsewhere', coll: 'stolen' } },
  $merge: { $merge: { into: 'stolen' } },
  '$merge to another database': { $merge: { into: { db: 'elsewhere', coll: 'stolen' } } },
}
const code = { body: 'function (a) { return a }', args: ['$a'], lang: 'js' }
const accumulator = {
  init: 'function () { return 0 }',
  accumulate: 'function (a, b) { return a + b }',
  accumulateArgs: ['$a'],
  merge: 'function (a, b) { return a + b }',
  lang: 'js',
}

/** Each writing stage in every place where a stage may stand. */
export const pipelines = Object.entries(stages).flatMap(([name, stage]): readonly Attack[] => [
  attack(`${name} alone`, ({ docs }) => docs.aggregate([stage]).toArray(), []),
  attack(
    `${name} behind others`,
    ({ docs }) => docs.aggregate([{ $match: {} }, { $limit: 1 }, stage]).toArray(),
    [],
  ),
  attack(`${name} on a view`, ({ db }) => db.collection('view').aggregate([stage]).toArray(), []),
  attack(
    `${name} on the database`,
    ({ db }) => db.aggregate([{ $documents: [{ a: 9 }] }, stage]).toArray(),
    [],
  ),
  attack(`${name} by addStage`, ({ docs }) => docs.aggregate([]).addStage(stage).toArray(), [
    'AggregationCursor.addStage',
  ]),
  attack(`${name} explained`, ({ docs }) => docs.aggregate([stage]).explain('executionStats'), [
    'AggregationCursor.explain',
  ]),
  attack(`${name} in $facet`, ({ docs }) => docs.aggregate([{ $facet: { f: [stage] } }]).toArray(), []),
  attack(
    `${name} in $lookup`,
    ({ docs }) => docs.aggregate([{ $lookup: { from: 'docs', pipeline: [stage], as: 'x' } }]).toArray(),
    [],
  ),
  attack(
    `${name} in $unionWith`,
    ({ docs }) => docs.aggregate([{ $unionWith: { coll: 'docs', pipeline: [stage] } }]).toArray(),
    [],
  ),
  attack(`${name} in a change stream`, ({ docs }) => docs.watch([stage]).next(), []),
  attack(
    `${name} in a view's definition`,
    ({ db }) => db.createCollection('v2', { viewOn: 'docs', pipeline: [stage] }),
    [],
  ),
  attack(`${name} behind toBSON`, ({ docs }) => docs.aggregate([{ toBSON: () => stage }]).toArray(), []),
])

/** What runs JavaScript in the server. */
export const foreignCode: readonly Attack[] = [
  attack('$where', ({ docs }) => docs.find({ $where: 'this.a' }).toArray(), [], 'no error'),
  attack(
    '$function',
    ({ docs }) => docs.aggregate([{ $project: { b: { $function: code } } }]).toArray(),
    [],
    'no error',
  ),
  attack(
    '$function in a find',
    ({ docs }) => docs.find({ $expr: { $function: code } }).toArray(),
    [],
    'no error',
  ),
  attack(
    '$accumulator',
    ({ docs }) => docs.aggregate([{ $group: { _id: null, b: { $accumulator: accumulator } } }]).toArray(),
    [],
    'no error',
  ),
  attack('AggregationCursor.out', ({ docs }) => docs.aggregate([]).out('stolen').toArray()),
]
