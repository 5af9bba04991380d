import { type ProblemKind, problems } from './problem.ts'

const OPENING = `# Problems

Every error is \`application/problem+json\` (RFC 9457). Its \`type\` is \`https://freshet.dev/problems/\` followed by one
of the codes below; this URL only identifies the problem. A 500 also has an \`instance\`, which is the id of its log entry.
"Retryable" means that the same request may succeed later; \`Retry-After\` is the recommended wait, if there is one.

This page is generated from \`client-problems.ts\` and \`server-problems.ts\` in \`packages/protocol/src\` by \`npm run --prefix packages/protocol docs\`.
`

/** The content of `docs/problems.md`: one section per code, ordered by status. */
export function problemsPage(): string {
  const sections = Object.entries<ProblemKind>(problems).map(([code, kind]) => {
    const wait = kind.retryAfterS === undefined ? '' : ` after ${kind.retryAfterS} s`
    const retry = kind.retryable ? `, retryable${wait}` : ''
    return `\n## ${code}\n\n**${kind.status}${retry}.** ${plain(kind.title)}.\n\n${plain(kind.remedy)}\n`
  })
  return OPENING + sections.join('')
}

/** Escapes Markdown syntax. */
function plain(text: string): string {
  return text.replaceAll('*', '\\*').replaceAll('_', '\\_').replaceAll('<', '\\<')
}
