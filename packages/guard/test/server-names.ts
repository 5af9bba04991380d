/** Stages that a server has and a reader has no use for; none may become part of the allow-list by accident. */
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

/** Operators that run foreign code, or exist for the server's own use. */
export const refusedNames: readonly string[] = [
  '$accumulator',
  '$alwaysFalse',
  '$alwaysTrue',
  '$const',
  '$function',
  '$where',
]

/** For filtering a list down to what this version of the server has. */
export function known(names: readonly string[]): (name: string) => boolean {
  const set = new Set(names)
  return (name) => set.has(name)
}
