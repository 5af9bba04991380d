import { ProblemError, readQuery } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'
import type { Claims, Verifier } from './contract.ts'
import { rawQueryOf } from './path-pattern.ts'
import type { Need, Who } from './route.ts'

/** Rejects every token. */
export const noTokens: Verifier = {
  verify: () => {
    throw new ProblemError('unauthenticated', { detail: 'This route table accepts no tokens.' })
  },
}

/**
 * Authorizes a request once its route is known. Route tables, upgrades and cached answers all call this. Returns the
 * claims of the token, or `undefined` for a public route.
 * @throws {ProblemError} unauthenticated, forbidden, unavailable; also as a rejection.
 */
export function authorize(
  need: Who | Need,
  tokens: Verifier,
  request: IncomingMessage,
): Claims | undefined | Promise<Claims> {
  const who = typeof need === 'string' ? need : need.who
  if (who === 'public') return undefined
  const why = typeof need === 'string' ? undefined : need.why
  const claims = verified(tokens, request.headers.authorization, why)
  if (who === 'authenticated') return claims
  const role = who.slice('role:'.length)
  const expectRole = (known: Claims): Claims => {
    if (known.roles.includes(role)) return known
    throw new ProblemError('forbidden', { detail: `Expected the role ${role} in the claim "roles".` })
  }
  return claims instanceof Promise ? claims.then(expectRole) : expectRole(claims)
}

function verified(
  tokens: Verifier,
  header: string | undefined,
  why: string | undefined,
): Claims | Promise<Claims> {
  try {
    return tokens.verify(header)
  } catch (error) {
    if (why === undefined || header !== undefined || !(error instanceof ProblemError)) throw error
    throw new ProblemError(error.code, { detail: why, headers: error.headers, cause: error })
  }
}

const none: ReadonlyMap<string, string> = new Map()

/** Parses the query and rejects unknown parameters. @throws {ProblemError} bad-url, bad-query */
export function queryOf(
  { url = '' }: IncomingMessage,
  known: readonly string[] | 'any',
): ReadonlyMap<string, string> {
  const raw = rawQueryOf(url)
  if (raw === '' || known === 'any') return none
  const parameters = readQuery(raw)
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue
    const wanted = known.length === 0 ? 'no parameters' : known.join(', ')
    throw new ProblemError('bad-query', {
      detail: `Expected ${wanted}; got ${JSON.stringify(name.slice(0, 80))}.`,
    })
  }
  return parameters
}
