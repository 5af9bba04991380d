/**
 * Test order on a machine without timings, where Jest sorts by file size: runs the slowest files first, so that none of them
 * runs alone at the end.
 */
import { readFileSync } from 'node:fs'
import Sequencer from '@jest/test-sequencer'

/** Files that take more than 20 seconds, longest first. */
const longest = JSON.parse(readFileSync(new URL('longest-tests.json', import.meta.url), 'utf8'))

const rank = ({ path }) => {
  const at = longest.findIndex((file) => path.endsWith(`/${file}`))
  return at === -1 ? longest.length : at
}

export default class extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests)
    return sorted.some(({ duration }) => duration !== undefined)
      ? sorted
      : sorted.toSorted((one, other) => rank(one) - rank(other))
  }
}
