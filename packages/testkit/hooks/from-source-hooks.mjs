import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Cache of stripped files, by name and content: most processes of a run need the same ones. */
const stripped = join(root, 'node_modules/.cache/freshet-from-source')

/** Called by Node.js for each module; see https://nodejs.org/api/module.html#loadurl-context-nextload */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const filename = fileURLToPath(url)
  const text = await readFile(filename, 'utf8')
  const hash = createHash('sha256').update(`${filename}\0${text}`).digest('hex')
  const cached = join(stripped, `${hash}.js`)
  const source = await readFile(cached, 'utf8').catch(() => strip(filename, text, cached))
  return { format: 'module', source, shortCircuit: true }
}

async function strip(filename, text, cached) {
  const { transform } = await import('@swc/core')
  const { code } = await transform(text, {
    filename,
    swcrc: false,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  })
  // Written under a temporary name, because other processes may be reading.
  const temporary = `${cached}.${process.pid}`
  await mkdir(dirname(cached), { recursive: true })
  await writeFile(temporary, code)
  await rename(temporary, cached)
  return code
}
