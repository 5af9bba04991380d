import { formatSourcePosition, headers, parseSourcePosition, type SourcePosition } from '@freshet/protocol'
import { requestDirectly } from '../direct-request.ts'
import type { ReaderTarget } from '../reader-targets.ts'
import { objectIn } from '../service-reading.ts'

/** A document as one reader has it. */
export interface View {
  readonly name: string
  /** Before it was requested; `unknown` if the management port did not answer. */
  readonly held: 'document' | 'absence' | 'no' | 'unknown'
  /** 200 or 404, or another status with a `problem`; `undefined`: it was not requested, or did not answer. */
  readonly status: number | undefined
  readonly etag: string | undefined
  readonly at: SourcePosition | undefined
  /** How old the answer may be, in seconds. */
  readonly ageS: number | undefined
  readonly cacheStatus: string | undefined
  /** Why there is no answer. */
  readonly failure: string | undefined
}

/** One document. */
export interface Asked {
  readonly collection: string
  readonly id: string
  readonly token: string | undefined
  /** False: only what is cached is looked at, which changes nothing. */
  readonly request: boolean
}

const answerWithinMs = 10_000
const maxAnswerBytes = 2 ** 28
const waitS = 5

/** Asks one reader: first whether it has the document cached, then for the document itself. Never rejects. */
export async function viewOf(reader: ReaderTarget, asked: Asked): Promise<View> {
  const cached = await cachedBy(reader, asked)
  if (!asked.request || reader.url === undefined) return cached
  return { ...cached, ...(await answerOf(reader.url, asked, undefined)) }
}

/** The same view, at a position or later. */
export async function viewAt(
  reader: ReaderTarget,
  asked: Asked,
  view: View,
  at: SourcePosition,
): Promise<View> {
  return reader.url === undefined ? view : { ...view, ...(await answerOf(reader.url, asked, at)) }
}

async function cachedBy({ name, managementUrl }: ReaderTarget, { collection, id }: Asked): Promise<View> {
  const none = {
    name,
    status: undefined,
    etag: undefined,
    at: undefined,
    ageS: undefined,
    cacheStatus: undefined,
  }
  try {
    const url = `${managementUrl}/cachez/${encodeURIComponent(collection)}/${encodeURIComponent(id)}`
    const { status, body } = await requestDirectly(url, {
      signal: AbortSignal.timeout(answerWithinMs),
      maxBytes: maxAnswerBytes,
    })
    const { held, etag, position, ageMs } = objectIn(JSON.parse(body.toString()))
    if (status !== 200)
      return {
        ...none,
        held: 'unknown',
        failure: `/cachez answered ${status}: is ${collection} a collection, and this a reader?`,
      }
    return {
      ...none,
      held: held === 'document' || held === 'absence' ? held : 'no',
      etag: typeof etag === 'string' ? etag : undefined,
      at: typeof position === 'string' ? parseSourcePosition(position) : undefined,
      ageS: typeof ageMs === 'number' ? Math.floor(ageMs / 1_000) : undefined,
      failure: undefined,
    }
  } catch (error) {
    return { ...none, held: 'unknown', failure: messageOf(error) }
  }
}

type Answer = Pick<View, 'status' | 'etag' | 'at' | 'ageS' | 'cacheStatus' | 'failure'>

async function answerOf(
  url: string,
  { collection, id, token }: Asked,
  atLeast: SourcePosition | undefined,
): Promise<Answer> {
  try {
    const answer = await requestDirectly(
      `${url}/v1/${encodeURIComponent(collection)}/${encodeURIComponent(id)}`,
      {
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(atLeast && {
            [headers.atLeast]: formatSourcePosition(atLeast.source, atLeast.at),
            [headers.prefer]: `wait=${waitS}`,
          }),
        },
        signal: AbortSignal.timeout(answerWithinMs),
        maxBytes: maxAnswerBytes,
      },
    )
    const { status, body } = answer
    const text = (name: string): string | undefined => {
      const value = answer.headers[name]
      return typeof value === 'string' ? value : undefined
    }
    const age = text('age')
    const at = parseSourcePosition(text(headers.position) ?? '')
    // There is such a document, or there is none at that position. Without a position, the collection is unknown.
    const isFact = status === 200 || (status === 404 && at !== undefined)
    return {
      status,
      etag: text('etag'),
      at,
      ageS: age === undefined ? undefined : Number(age),
      cacheStatus: text(headers.cacheStatus),
      failure: isFact ? undefined : `${status} ${titleOf(body)}`,
    }
  } catch (error) {
    return {
      status: undefined,
      etag: undefined,
      at: undefined,
      ageS: undefined,
      cacheStatus: undefined,
      failure: messageOf(error),
    }
  }
}

function titleOf(body: Buffer): string {
  try {
    const { title, detail } = objectIn(JSON.parse(body.toString()))
    return [title, detail].filter((each) => typeof each === 'string').join(': ')
  } catch {
    return ''
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
