import type { RouteTable } from '@freshet/service'

/** `/{collection}/{id}` as cache keys are spelled: nothing encoded, and no query. */
const PLAIN = /^\/[^/?%#\\]+\/[^/?%#\\]+$/

/**
 * A test for URLs, passed without their prefix, that only the document route can answer, so that the cache may be asked
 * before the route table. `undefined`: no other route has a path below a collection, so no test is needed.
 */
export function documentUrlTest({ paths }: RouteTable): ((url: string) => boolean) | undefined {
  const others = paths
    .map(({ pattern }) => pattern)
    .filter(({ shape }) => shape.startsWith('/{}/') && shape !== '/{}/{}')
  if (others.length === 0) return undefined
  return (url) => PLAIN.test(url) && !others.some((pattern) => pattern.covers(url))
}
