import type { Clock } from '@freshet/kit'
import { requestDirectly } from './direct-request.ts'

/** What a service says about itself on its management port. */
export interface ServiceReading {
  /** As the caller named it. */
  readonly name: string
  readonly managementUrl: string
  /** `/statusz`. */
  readonly status: Fields
  /** `/metrics` by name, without `freshet_`: those without labels, and the sums of those with labels. */
  readonly metrics: ReadonlyMap<string, number>
  /** Why it is not ready; `undefined` if it is. */
  readonly unready: string | undefined
  /** How far its clock is ahead of this machine's, give or take a second. */
  readonly clockAheadMs: number | undefined
}

/** A service that did not answer. */
export interface ServiceFailure {
  readonly name: string
  readonly managementUrl: string
  readonly failure: string
}

/** An object of JSON. */
export type Fields = Readonly<Record<string, unknown>>

const maxAnswerBytes = 4 * 2 ** 20

/** Asks a service. Never rejects. */
export async function readService(
  { name, managementUrl }: { readonly name: string; readonly managementUrl: string },
  clock: Pick<Clock, 'wallMs'>,
  withinMs: number,
): Promise<ServiceReading | ServiceFailure> {
  const get = (path: string) =>
    requestDirectly(`${managementUrl}${path}`, {
      signal: AbortSignal.timeout(withinMs),
      maxBytes: maxAnswerBytes,
    })
  try {
    const askedMs = clock.wallMs()
    const answer = await get('/statusz')
    const answeredMs = clock.wallMs()
    if (answer.status !== 200) return { name, managementUrl, failure: `/statusz answered ${answer.status}` }
    const [ready, metrics] = await Promise.all([get('/readyz'), get('/metrics')])
    const dateMs = Date.parse(answer.headers.date ?? '')
    return {
      name,
      managementUrl,
      status: objectIn(JSON.parse(answer.body.toString())),
      metrics: metricsIn(metrics.body.toString()),
      unready: ready.status === 200 ? undefined : whyIn(ready.body.toString()),
      // The header has whole seconds.
      clockAheadMs: Number.isNaN(dateMs) ? undefined : dateMs + 500 - (askedMs + answeredMs) / 2,
    }
  } catch (error) {
    return { name, managementUrl, failure: error instanceof Error ? error.message : String(error) }
  }
}

/** A field of an object, at any depth. */
export function fieldAt(fields: unknown, ...path: readonly string[]): unknown {
  let here = fields
  for (const key of path) here = objectIn(here)[key]
  return here
}

/** A number, if that is what it is. */
export function numberAt(fields: unknown, ...path: readonly string[]): number | undefined {
  const value = fieldAt(fields, ...path)
  return typeof value === 'number' ? value : undefined
}

export function objectIn(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function whyIn(body: string): string {
  try {
    return String(objectIn(JSON.parse(body))['why'])
  } catch {
    return body.trim()
  }
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
function metricsIn(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const [, name = '', value] of text.matchAll(/^freshet_(\w+)(?:\{.*\})? (\S+)/gm))
    sums.set(name, (sums.get(name) ?? 0) + Number(value))
  return sums
}
