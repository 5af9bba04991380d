import { etagOf } from '@freshet/collections'
import type { Answer, Question, Truth, Verdict } from './contract.ts'

/**
 * Compares an answer with the truth at the position that the answer names, byte for byte. Pure. There are no false
 * alarms: what the database cannot confirm is `unjudged`.
 */
export function judge(question: Question, answer: Answer, truth: Truth): Verdict {
  if (truth.kind === 'unknown') return { kind: 'unjudged', reason: truth.reason }
  return question.form === 'one'
    ? judgeOne(question.ids[0] ?? '', answer, truth.documents)
    : judgeSeveral(question.ids, answer, truth.documents)
}

/** Why an answer states no fact about data, and so needs no judge; nothing when it does state one. */
export function noFact({ status, problem }: Answer): string | undefined {
  if (status === 200 || (status === 404 && problem === 'not-found')) return undefined
  return `the reader answered ${status} ${problem ?? ''}`.trim()
}

function judgeOne(id: string, answer: Answer, documents: ReadonlyMap<string, Buffer>): Verdict {
  const expected = documents.get(id)
  if (answer.status === 404)
    return expected === undefined ? right : wrong('answered as absent, but it was there')
  if (expected === undefined) return wrong('answered, but it was absent')
  if (!answer.body.equals(expected)) return wrong(`other bytes: ${differenceOf(answer.body, expected)}`)
  if (answer.etag !== etagOf(expected)) return wrong(`ETag ${answer.etag}, wanted ${etagOf(expected)}`)
  return right
}

function judgeSeveral(
  ids: readonly string[],
  answer: Answer,
  documents: ReadonlyMap<string, Buffer>,
): Verdict {
  const items = ids.flatMap((id) => documents.get(id) ?? [])
  const missing = ids.filter((id) => !documents.has(id))
  const expected = Buffer.concat([
    Buffer.from('{"items":['),
    ...items.flatMap((item, at) => (at === 0 ? [item] : [Buffer.from(','), item])),
    Buffer.from(`],"missing":${JSON.stringify(missing)}}`),
  ])
  return answer.body.equals(expected) ? right : wrong(`other bytes: ${differenceOf(answer.body, expected)}`)
}

const right: Verdict = { kind: 'right' }
const wrong = (what: string): Verdict => ({ kind: 'wrong', what })

/** The first place where two texts part, with a little of each. */
function differenceOf(got: Buffer, wanted: Buffer): string {
  let at = 0
  while (at < got.length && got[at] === wanted[at]) at += 1
  const piece = (bytes: Buffer): string =>
    JSON.stringify(bytes.toString('utf8', Math.max(0, at - 20), at + 20))
  return `at byte ${at} ${piece(got)}, wanted ${piece(wanted)}`
}
