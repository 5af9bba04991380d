import { BSON, type Document } from 'mongodb'

/** Number of levels inspected; deeper documents do not match. */
const LEVELS = 8

/**
 * Larger documents do not match and are not inspected. The filter concatenates arrays one by one, so its cost on the
 * server is quadratic: 10 ms at this size.
 */
const MAX_SIZE_BYTES = 16_384

/** Integers beyond this are strings in JSON. */
const limit = 2 ** 53

const type = { $type: '$$this' }

const isContainer = { $in: [type, ['object', 'array']] }

/** Whether JSON represents the value as it is. The contents of objects and arrays are checked one level later. */
const fits: Document = {
  $cond: [
    { $eq: [type, 'string'] },
    isUtf8('$$this'),
    {
      $or: [
        isContainer,
        { $in: [type, ['bool', 'null', 'int']] },
        // NaN compares less than every number.
        { $and: [{ $eq: [type, 'double'] }, { $gt: ['$$this', -Infinity] }, { $lt: ['$$this', Infinity] }] },
        { $and: [{ $eq: [type, 'long'] }, { $gte: ['$$this', -limit] }, { $lte: ['$$this', limit] }] },
      ],
    },
  ],
}

/** The values inside an object or array. */
const inside: Document = {
  $cond: [{ $isArray: '$$this' }, '$$this', valuesOf({ $objectToArray: '$$this' })],
}

const allInside: Document = {
  $reduce: {
    input: { $filter: { input: '$$level', cond: isContainer } },
    initialValue: [],
    in: { $concatArrays: ['$$value', inside] },
  },
}

/** The values of the next level, or null once a value did not fit. */
const nextLevel: Document = {
  $let: {
    vars: { level: '$$value' },
    in: {
      $cond: [
        { $and: [{ $isArray: '$$level' }, { $allElementsTrue: { $map: { input: '$$level', in: fits } } }] },
        allInside,
        null,
      ],
    },
  },
}

/** `_id` may be of any type. */
const firstLevel = valuesOf({
  $filter: { input: { $objectToArray: '$$ROOT' }, cond: { $ne: ['$$this.k', '_id'] } },
})

const lastLevel: Document = {
  $reduce: { input: { $range: [0, LEVELS] }, initialValue: firstLevel, in: nextLevel },
}

/**
 * Matches only documents that JSON represents completely, so that one command can replace exactly those. The
 * server-side counterpart of the codec's `firstNotPlain`; a test compares the two. Everything it matches is plain; it
 * matches everything plain that is neither too deep nor too large. Fails for strings that are not UTF-8. Encoded as
 * BSON, for a filter's `$expr`.
 */
export const isPlain: Uint8Array = BSON.serialize({
  // `$and` does not guarantee the order of evaluation.
  $cond: [
    // A stored field `id` is shown under another name.
    { $and: [{ $lte: [{ $bsonSize: '$$ROOT' }, MAX_SIZE_BYTES] }, { $eq: [{ $type: '$id' }, 'missing'] }] },
    { $eq: [lastLevel, []] },
    false,
  ],
})

function valuesOf(members: Document): Document {
  return { $map: { input: members, in: { $cond: [isUtf8('$$this.k'), '$$this.v', null] } } }
}

/** True, or an error of the statement: the server stores any bytes as a string and checks them only here. */
function isUtf8(text: string): Document {
  return { $regexMatch: { input: text, regex: '^' } }
}
