import type { Bytes } from '@freshet/protocol'
import type { Presentation } from './contract.ts'
import { ReplicaError } from './errors.ts'

/** What is kept of a document. @throws {ReplicaError} UNAVAILABLE: the presentation threw, which it must not. */
export function presented<V>({ present }: Presentation<V>, key: string, document: Bytes): V {
  try {
    return present(document)
  } catch (cause) {
    throw new ReplicaError('UNAVAILABLE', `the presentation of '${key}' threw`, { cause })
  }
}
