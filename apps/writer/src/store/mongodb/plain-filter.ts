import { BSON, type Document } from 'mongodb'

/** How many levels are looked at; a document that goes deeper does not match. */
const LEVELS = 8

/**
 * A larger document does not match, and is not looked into: lists are joined one by one here, so what it costs the server
 * grows with the square of the length. At this size it is 10 ms.
 */
const MAX_SIZE_BYTES = 16_384

/** Integers beyond are texts in JSON. */
const limit = 2 ** 53

const type = { $type: '$$this' }

const isContainer = { $in: [type, ['object', 'array']] }

/** Whether JSON carries the value as it is; objects and arrays are looked into one level later. */
const fits: Document = {
  $cond: [
    { $eq: [type, 'string'] },
    isUtf8('$$this'),
    {
      $or: [
        isContainer,
        { $in: [type, ['bool', 'null', 'int']] },
        // NaN is less than every number here.
        { $and: [{ $eq: [type, 'double'] }, { $gt: ['$$this', -Infinity] }, { $lt: ['$$this', Infinity] }] },
        { $and: [{ $eq: [type, 'long'] }, { $gte: ['$$this', -limit] }, { $lte: ['$$this', limit] }] },
      ],
    },
  ],
}

/** The values inside of an object or an array. */
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

/** The values of the next level, or null for good once one did not fit. */
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
 * Matches documents that hold nothing but what JSON can carry, so that one command can replace only those. The server's
 * own words for `firstNotPlain` of the codec, which a test holds it against: what it matches is always plain; what
 * is plain, not too deep and not too large, it matches. Fails for texts that are not UTF-8. In BSON, for a filter's `$expr`.
 */
export const isPlain: Uint8Array = BSON.serialize({
  // Of `$and` it is not promised that the first comes first.
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

/** True, or an error of the statement: the server stores any bytes as a text, and this alone looks at them. */
function isUtf8(text: string): Document {
  return { $regexMatch: { input: text, regex: '^' } }
}
