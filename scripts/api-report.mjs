/**
 * Writes the public surface of each public package, as declared by the compiler, to its `API.md`, so that reviewers see
 * every change. Without arguments, compares and exits with 1 if they differ; `--write` updates. Requires a build.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const write = process.argv.includes('--write')

/** Removes comments, which are not part of the surface, but not strings that look like comments. */
const withoutComments = (text) =>
  text
    .replace(
      /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
      (_, string) => string ?? '',
    )
    .replace(/^\s*\n/gm, '')
    .trim()

/** All declarations reachable from the entry point, by path, entry point first. */
function declarationsOf(entry) {
  const found = new Map()
  const visit = (file) => {
    if (found.has(file)) return
    const text = readFileSync(file, 'utf8')
    found.set(file, withoutComments(text))
    for (const [, path] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)['"]/g))
      visit(resolve(dirname(file), path.replace(/\.[jt]s$/, '.d.ts')))
  }
  visit(entry)
  const [[, first], ...others] = found
  return [[entry, first], ...others.sort(([one], [other]) => (one < other ? -1 : 1))]
}

function reportOf(folder, name) {
  const dist = join(folder, 'dist')
  const parts = declarationsOf(join(dist, 'index.d.ts')).map(
    ([file, text]) => `## ${relative(dist, file)}\n\n\`\`\`ts\n${text}\n\`\`\`\n`,
  )
  return `# The public surface of ${name}\n\nMade by \`npm run api\`. What \`index.d.ts\` does not name cannot be imported.\n\n${parts.join('\n')}`
}

let differ = 0
for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (manifest.private) continue
  const file = join(folder, 'API.md')
  const report = reportOf(folder, manifest.name)
  if (existsSync(file) && readFileSync(file, 'utf8') === report) continue
  if (write) writeFileSync(file, report)
  else {
    differ += 1
    console.error(`packages/${name}/API.md does not match the build: run "npm run api".`)
  }
}
process.exitCode = differ === 0 ? 0 : 1
