import { expect, test } from '@jest/globals'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { defineOptions, readConfig } from '@freshet/kit'
import { isId } from '@freshet/protocol'
import { serviceOptions } from '@freshet/service'
import { writerOptions } from '../src/options.ts'

const KiB = 2 ** 10
const MiB = 2 ** 20

/** A writer with default options. */
const config = readConfig(defineOptions({ ...serviceOptions, ...writerOptions }), {
  argv: ['--database=shop'],
  env: { FRESHET_MONGODB_URI: 'mongodb://nowhere' },
  readFile: () => '',
})

/** Larger sizes are not tried: there is no limit then. */
const FAR = 5_000

/** The largest size such that this size and all smaller ones are accepted. */
function largest(taken: (size: number) => boolean): number {
  let size = 0
  while (size < FAR && taken(size + 1)) size += 1
  return size
}

function isBody(json: string): boolean {
  try {
    mongodbCodec.readDocument(Buffer.from(json))
    return true
  } catch {
    // The reason for the refusal is tested with the bodies.
    return false
  }
}

const nested = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1)
const wide = (keys: number): string => `{${Array.from({ length: keys }, (_, at) => `"k${at}":${at}`).join()}}`

test.each([
  ['bytes of a body', config.maxBodyBytes, MiB],
  ['bytes of the headers', config.maxHeaderBytes, 16 * KiB],
  ['milliseconds for the headers', config.headersWithinMs, 10_000],
  ['milliseconds for the body', config.bodyWithinMs, 30_000],
  ['open sockets', config.maxSockets, 10_000],
  ['concurrent writes', config.maxWrites, 100],
  ['milliseconds for a majority', config.acknowledgeWithinMs, 5_000],
  ['handlers in a lineage', config.maxHops, 1],
  ['nesting levels of a body', largest((levels) => isBody(nested(levels))), 64],
  ['keys of an object', largest((keys) => isBody(wide(keys))), 1_000],
  ['characters of an id', largest((length) => isId('a'.repeat(length))), 256],
])('P9 the default limit of a writer is as documented: %s', (_what, limit, wanted) => {
  expect(limit).toBe(wanted)
})
