/** "There is no such document": a fact from a read or from the feed, cached like a value. */
export const ABSENT: unique symbol = Symbol('absent')
export type Absent = typeof ABSENT

/** What may be cached: anything but `undefined` and `null`, which mean "not cached". */
export type Value = object | string | number | boolean | bigint
