import type { Bytes } from '@freshet/protocol'
import type { Encoder } from './contract.ts'
import { ReplicaError } from './errors.ts'

/** What is kept of a document. @throws {ReplicaError} UNAVAILABLE: the encoder threw, which it must not. */
export function encoded<V>({ encode }: Encoder<V>, key: string, document: Bytes): V {
  try {
    return encode(document)
  } catch (cause) {
    throw new ReplicaError('UNAVAILABLE', `the encoder of '${key}' threw`, { cause })
  }
}
