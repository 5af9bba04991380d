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

/** A pipeline through a `ReadConnection`. */
const aggregateOf = (collection: string | number, stages: readonly Document[]): string =>
  `connection.run({ aggregate: ${JSON.stringify(collection)}, pipeline: ${JSON.stringify(stages)} })`
const aggregate = (...stages: readonly Document[]): string => aggregateOf('docs', stages)

/** Each writing stage at every place where a stage may occur. */
export const pipelines = Object.entries(stages).flatMap(([name, stage]): readonly Attack[] => {
  const facet = { $facet: { f: [stage] } }
  const lookup = { $lookup: { from: 'docs', pipeline: [stage], as: 'x' } }
  const union = { $unionWith: { coll: 'docs', pipeline: [stage] } }
  const before = [{ $match: {} }, { $limit: 1 }]
  const view = { viewOn: 'docs', pipeline: [stage] }
  const alone = aggregate(stage)
  return [
    attack(`${name} alone`, ({ docs }) => docs.aggregate([stage]).toArray(), { source: alone }),
    attack(`${name} after others`, ({ docs }) => docs.aggregate([...before, stage]).toArray(), {
      source: aggregate(...before, stage),
    }),
    attack(`${name} on a view`, ({ db }) => db.collection('view').aggregate([stage]).toArray(), {
      source: aggregateOf('view', [stage]),
    }),
    attack(
      `${name} on the database`,
      ({ db }) => db.aggregate([{ $documents: [{ a: 9 }] }, stage]).toArray(),
      {
        source: aggregateOf(1, [stage]),
      },
    ),
    attack(`${name} by addStage`, ({ docs }) => docs.aggregate([]).addStage(stage).toArray(), {
      methods: ['AggregationCursor.addStage'],
    }),
    attack(`${name} explained`, ({ docs }) => docs.aggregate([stage]).explain('executionStats'), {
      methods: ['AggregationCursor.explain'],
    }),
    attack(`${name} in $facet`, ({ docs }) => docs.aggregate([facet]).toArray(), {
      source: aggregate(facet),
    }),
    attack(`${name} in $lookup`, ({ docs }) => docs.aggregate([lookup]).toArray(), {
      source: aggregate(lookup),
    }),
    attack(`${name} in $unionWith`, ({ docs }) => docs.aggregate([union]).toArray(), {
      source: aggregate(union),
    }),
    attack(`${name} in a change stream`, ({ docs }) => docs.watch([stage]).next(), {
      source: aggregate({ $changeStream: {} }, stage),
    }),
    attack(`${name} in a view's definition`, ({ db }) => db.createCollection('v2', view), {
      source: `connection.createCollection('v2', ${JSON.stringify(view)})`,
    }),
    attack(`${name} behind toBSON`, ({ docs }) => docs.aggregate([{ toBSON: () => stage }]).toArray(), {
      source: `connection.run({ aggregate: 'docs', pipeline: [{ toBSON: () => (${JSON.stringify(stage)}) }] })`,
    }),
  ]
})

const untyped = { unseen: 'expressions are not typed; the veto looks at every name in the bytes' }

/** Operators that run JavaScript in the server. */
export const foreignCode: readonly Attack[] = [
  attack('$where', ({ docs }) => docs.find({ $where: 'this.a' }).toArray(), {
    byRole: 'no error',
    source: untyped,
  }),
  attack('$function', ({ docs }) => docs.aggregate([{ $project: { b: { $function: code } } }]).toArray(), {
    byRole: 'no error',
    source: untyped,
  }),
  attack('$function in a find', ({ docs }) => docs.find({ $expr: { $function: code } }).toArray(), {
    byRole: 'no error',
    source: untyped,
  }),
  attack(
    '$accumulator',
    ({ docs }) => docs.aggregate([{ $group: { _id: null, b: { $accumulator: accumulator } } }]).toArray(),
    { byRole: 'no error', source: untyped },
  ),
  attack('AggregationCursor.out', ({ docs }) => docs.aggregate([]).out('stolen').toArray()),
]
