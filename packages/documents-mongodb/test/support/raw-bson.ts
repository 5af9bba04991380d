/** One element with these bytes, even ones that no driver would write. */
export function element(type: number, name: string | Uint8Array, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(name), Buffer.from([0]), value])
}

/** A document with these elements, even ones that no driver would produce. */
export function rawDocument(...elements: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), ...elements, Buffer.from([0])])
  bytes.writeUInt32LE(bytes.length)
  return bytes
}

/** Objects nested to this depth. */
export function nested(levels: number): object {
  let value: object = {}
  for (let level = 1; level < levels; level += 1) value = { a: value }
  return value
}
