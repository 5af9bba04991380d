/** Stages of a server that a reader does not need; none may be added to the allow-list by accident. */
export const refusedStages: readonly string[] = [
  '$backupCursor',
  '$backupCursorExtend',
  '$collStats',
  '$currentOp',
  '$indexStats',
  '$listCachedAndActiveUsers',
  '$listCatalog',
  '$listLocalSessions',
  '$listSessions',
  '$merge',
  '$mergeCursors',
  '$operationMetrics',
  '$out',
  '$planCacheStats',
  '$queue',
  '$setVariableFromSubPipeline',
  '$shardedDataDistribution',
  '$sharded',
]

/** Operators that run foreign code, or are reserved for the server. */
export const refusedNames: readonly string[] = [
  '$accumulator',
  '$alwaysFalse',
  '$alwaysTrue',
  '$const',
  '$function',
  '$where',
]

/** Filters a list down to what this server version has. */
export function known(names: readonly string[]): (name: string) => boolean {
  const set = new Set(names)
  return (name) => set.has(name)
}
