import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../../..')

/** The linter's rules about who may import and call what; the others have no say here. */
const rulesOfTheGuard: ReadonlySet<string> = new Set([
  'eslint(no-eval)',
  'eslint(no-new-func)',
  'eslint(no-restricted-globals)',
  'eslint(no-restricted-imports)',
  'typescript(no-require-imports)',
])

/** The repository's own configuration of the linter, as text. */
export const repositorysRules = (): Promise<string> => readFile(join(root, '.oxlintrc.json'), 'utf8')

/**
 * G2: the texts that the linter, by its real program, finds at fault when they stand in `side/src`; by their place in
 * the list. They stand in a folder of their own, beside a copy of the rules: those go by paths from where they lie.
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
      throw new Error(`expected ${sources.length} files to be looked at, got ${said.number_of_files}`)
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
      // Exit code 1 means faults, which are wanted.
      if (error && typeof error.code !== 'number') reject(error)
      else resolve(stdout)
    })
  })
}
