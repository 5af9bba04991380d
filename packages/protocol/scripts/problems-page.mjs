// Writes docs/problems.md from the table; a test says when it is due.
import { writeFileSync } from 'node:fs'
import { problemsPage } from '../dist/problems-page.js'

writeFileSync(new URL('../../../docs/problems.md', import.meta.url), problemsPage())
