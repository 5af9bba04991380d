/** "There is no such document", as a fact that was read or heard and is held like a value. */
export const ABSENT: unique symbol = Symbol('absent')
export type Absent = typeof ABSENT

/** What may be held: anything but `undefined` and `null`, which mean "not held" to the table below. */
export type Value = object | string | number | boolean | bigint
