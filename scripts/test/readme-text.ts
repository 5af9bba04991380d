import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Root of the repository. */
export const root = join(import.meta.dirname, '../..')

/** A ```sh block of the README, and the HTTP statuses (`**200**`) that the text after it documents. */
export interface Block {
  readonly script: string
  readonly statuses: readonly number[]
}

/** The README of the repository. */
export const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** All ```sh blocks in order. */
export function blocksOf(text: string): readonly Block[] {
  const [, ...parts] = text.split(/^```sh\n/m)
  return parts.map((part) => {
    const [script = '', ...behind] = part.split(/^```$/m)
    // The text of a block ends at the next fenced block or heading.
    const [said = ''] = behind.join('').split(/^#/m)
    return { script, statuses: [...said.matchAll(/\*\*(\d{3})\*\*/g)].map(([, status]) => Number(status)) }
  })
}

/** Link targets in this repository that do not exist. */
export function brokenLinks(text: string): readonly string[] {
  const targets = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !target.includes('://') && !existsSync(join(root, target)))
}
