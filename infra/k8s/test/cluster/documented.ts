import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../../..')

/** The sh blocks of a section of docs/kubernetes.md, its subsections included, and the statuses in its text. */
function sectionOf(heading: string): { readonly script: string; readonly statuses: readonly string[] } {
  const text = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')
  const [, behind] = text.split(`\n${heading}\n`)
  if (behind === undefined) throw new Error(`docs/kubernetes.md has no section ${heading}`)
  const level = heading.split(' ')[0] ?? ''
  const [section = ''] = behind.split(new RegExp(`^#{1,${level.length}} `, 'm'))
  return {
    script: [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join(''),
    statuses: [...section.matchAll(/\*\*(\d{3})\*\*/g)].map(([, status = '']) => status),
  }
}

/**
 * Types the commands of sections of docs/kubernetes.md into one shell, and expects the documented statuses in this order. The shell
 * ends what it left in the background. @returns what was typed, as a count of lines.
 */
export async function typeDocumented(...headings: readonly string[]): Promise<string> {
  const sections = headings.map(sectionOf)
  const script = sections.map((section) => section.script).join('')
  const statuses = sections.flatMap((section) => section.statuses)
  const shell = spawn(
    'bash',
    ['-euo', 'pipefail', '-c', `trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, no_proxy: '127.0.0.1,localhost', NO_PROXY: '127.0.0.1,localhost' },
    },
  )
  let printed = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const [code] = await once(shell, 'close')
  const got = [...printed.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status)
  if (code !== 0 || got.join() !== statuses.join())
    throw new Error(
      `exit code ${code}, statuses ${got.join()}, documented ${statuses.join()}:\n${printed.slice(-2_000)}`,
    )
  const lines = script.split('\n').filter((line) => line !== '').length
  return `${lines} lines typed, statuses ${got.join()}`
}
