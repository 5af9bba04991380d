/** "There is no such document", as a fact that was read or heard and is cached like a value. */
export const ABSENT: unique symbol = Symbol('absent')
export type Absent = typeof ABSENT

/** What may be cached: anything but `undefined` and `null`, which mean "not cached". */
export type Value = object | string | number | boolean | bigint
