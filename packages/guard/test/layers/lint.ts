import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../../..')

/** The linter's rules about who may import and call what; other rules do not matter here. */
const rulesOfTheGuard: ReadonlySet<string> = new Set([
  'eslint(no-eval)',
  'eslint(no-new-func)',
  'eslint(no-restricted-globals)',
  'eslint(no-restricted-imports)',
  'typescript(no-require-imports)',
])

/** The repository's linter configuration, as text. */
export const repositorysRules = (): Promise<string> => readFile(join(root, '.oxlintrc.json'), 'utf8')

/**
 * G2: the sources in which the real linter finds faults when they are in `side/src`, by their index. They are in their
 * own directory with a copy of the rules, whose paths are relative to it.
 */
export async function caughtByLint(
  sources: readonly string[],
  side: string,
  rules: string,
): Promise<ReadonlySet<number>> {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-lint-'))
  try {
    const source = join(folder, side, 'src')
    await mkdir(source, { recursive: true })
    await writeFile(join(folder, '.oxlintrc.json'), rules)
    for (const [place, text] of sources.entries()) await writeFile(join(source, `t${place}.ts`), text)
    const said = JSON.parse(await lint(folder)) as {
      readonly number_of_files: number
      readonly diagnostics: readonly { readonly code: string; readonly filename: string }[]
    }
    if (said.number_of_files !== sources.length)
      throw new Error(`expected ${sources.length} checked files, got ${said.number_of_files}`)
    return new Set(
      said.diagnostics
        .filter(({ code }) => rulesOfTheGuard.has(code))
        .map(({ filename }) => Number(/t(\d+)\.ts$/.exec(filename)?.[1])),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

function lint(folder: string): Promise<string> {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  return new Promise((resolve, reject) => {
    execFile(oxlint, ['--format=json', '.'], { cwd: folder, maxBuffer: 1 << 24 }, (error, stdout) => {
      // Exit code 1 means that there are faults, as intended.
      if (error && typeof error.code !== 'number') reject(error)
      else resolve(stdout)
    })
  })
}
