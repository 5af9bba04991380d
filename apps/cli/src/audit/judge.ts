import { etagOf } from '@freshet/documents'
import type { Answer, Question, Truth, Verdict } from './contract.ts'

/**
 * Compares an answer with the state of the database at its position, byte for byte. Pure. Never a false alarm: what the
 * database cannot confirm is `unjudged`.
 */
export function judge(question: Question, answer: Answer, truth: Truth): Verdict {
  if (truth.kind === 'unknown') return { kind: 'unjudged', reason: truth.reason }
  return question.form === 'one'
    ? judgeOne(question, answer, truth.documents.get(question.ids[0] ?? ''))
    : judgeSeveral(question, answer, truth.documents)
}

/** Why an answer states no fact about data, or `undefined` if it does. */
export function refusalReason({ status, problem, position }: Answer): string | undefined {
  if (status === 200 || status === 304 || status === 412) return undefined
  // Without a body, a HEAD cannot say which kind of 404 it is.
  if (status === 404 && (problem === 'not-found' || (problem === undefined && position !== undefined)))
    return undefined
  return `the reader answered ${status} ${problem ?? ''}`.trim()
}

function judgeOne(question: Question, answer: Answer, expected: Buffer | undefined): Verdict {
  const { status, etag } = answer
  const condition = question.condition
  if (status === 404) return expected === undefined ? right : wrong('answered as absent, but it existed')
  if (expected === undefined) return wrong(`answered ${status}, but it was absent`)
  const wanted = etagOf(expected)
  if (status === 304 && (condition?.kind !== 'none-match' || condition.etag !== wanted))
    return wrong(`answered 304 to ${condition?.etag ?? 'no ETag'}, but the ETag was ${wanted}`)
  if (status === 412 && (condition?.kind !== 'match' || condition.etag === wanted))
    return wrong(`answered 412 to ${condition?.etag ?? 'no ETag'}, but the ETag was ${wanted}`)
  if (status === 200 && condition?.kind === 'match' && condition.etag !== wanted)
    return wrong(`answered If-Match ${condition.etag}, but the ETag was ${wanted}`)
  const fault = status === 200 ? bodyFault(question, answer, expected) : undefined
  if (fault !== undefined) return wrong(fault)
  return etag === wanted ? right : wrong(`ETag ${etag}, expected ${wanted}`)
}

function judgeSeveral(question: Question, answer: Answer, documents: ReadonlyMap<string, Buffer>): Verdict {
  const { ids } = question
  if (answer.status !== 200) return wrong(`answered ${answer.status} to a multi-get`)
  const items = ids.flatMap((id) => documents.get(id) ?? [])
  const missing = ids.filter((id) => !documents.has(id))
  const expected = Buffer.concat([
    Buffer.from('{"items":['),
    ...items.flatMap((item, at) => (at === 0 ? [item] : [Buffer.from(','), item])),
    Buffer.from(`],"missing":${JSON.stringify(missing)}}`),
  ])
  const fault = bodyFault(question, answer, expected)
  return fault === undefined ? right : wrong(fault)
}

/** What is wrong with the body of a 200, or with the `Content-Length` of a HEAD. */
function bodyFault({ method }: Question, answer: Answer, expected: Buffer): string | undefined {
  const { body, contentLength, contentType } = answer
  if (contentType?.startsWith('application/json') !== true) return `Content-Type ${contentType}`
  if (method === 'GET')
    return body.equals(expected) ? undefined : `different bytes: ${differenceOf(body, expected)}`
  if (body.length > 0) return 'a HEAD with a body'
  return contentLength === expected.length
    ? undefined
    : `Content-Length ${contentLength}, expected ${expected.length}`
}

const right: Verdict = { kind: 'right' }
const wrong = (what: string): Verdict => ({ kind: 'wrong', what })

/** The first difference between two texts, with some context. */
function differenceOf(got: Buffer, wanted: Buffer): string {
  let at = 0
  while (at < got.length && got[at] === wanted[at]) at += 1
  const piece = (bytes: Buffer): string =>
    JSON.stringify(bytes.toString('utf8', Math.max(0, at - 20), at + 20))
  return `at byte ${at} ${piece(got)}, expected ${piece(wanted)}`
}
