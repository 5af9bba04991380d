import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** What was stripped before, by name and content: most processes of a run need the same. */
const stripped = join(root, 'node_modules/.cache/freshet-from-source')

/** Called by node for each module; see https://nodejs.org/api/module.html#loadurl-context-nextload */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const filename = fileURLToPath(url)
  const text = await readFile(filename, 'utf8')
  const hash = createHash('sha256').update(`${filename}\0${text}`).digest('hex')
  const kept = join(stripped, `${hash}.js`)
  const source = await readFile(kept, 'utf8').catch(() => strip(filename, text, kept))
  return { format: 'module', source, shortCircuit: true }
}

async function strip(filename, text, kept) {
  const { transform } = await import('@swc/core')
  const { code } = await transform(text, {
    filename,
    swcrc: false,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  })
  // Under another name first: other processes may read it at this moment.
  const half = `${kept}.${process.pid}`
  await mkdir(dirname(kept), { recursive: true })
  await writeFile(half, code)
  await rename(half, kept)
  return code
}
