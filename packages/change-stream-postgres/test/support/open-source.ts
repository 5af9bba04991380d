import { Hearing } from '@freshet/change-stream/conformance'
import { systemClock } from '@freshet/kit'
import type { TestDatabase } from '@freshet/postgres'
import type { CollectionPlace } from '@freshet/protocol'
import { postgresSource, type PostgresSourceAndReads, type PostgresSourceOptions } from '../../src/index.ts'
import { publication } from './open-database.ts'

export interface OpenedSource extends PostgresSourceAndReads, AsyncDisposable {}

/** The product's source over a test database, with the reader's user. */
export function openSource(
  db: TestDatabase,
  collections: ReadonlyMap<string, CollectionPlace>,
  options: Partial<PostgresSourceOptions> = {},
): OpenedSource {
  const opened = postgresSource({
    uri: db.uri,
    appName: 'test',
    publication,
    collections,
    clock: systemClock,
    options: { proveEveryMs: 50, ...options },
  })
  return { ...opened, [Symbol.asyncDispose]: () => opened.close() }
}

/** Records what a source emits from now on. */
export async function listen({ source }: OpenedSource): Promise<Hearing> {
  return new Hearing(source, await source.start(new AbortController().signal))
}

/** The changes, with documents as text. */
export function inWords(heard: Hearing): readonly string[] {
  return heard.changes.map((change) => {
    if (change.kind === 'upsert') return `upsert ${change.id} ${Buffer.from(change.document).toString()}`
    return 'id' in change ? `${change.kind} ${change.id}` : change.kind
  })
}
