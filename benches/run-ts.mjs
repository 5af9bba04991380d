/** Lets Node.js run the TypeScript sources of this repository with swc, without a build. */
import { readFile } from 'node:fs/promises'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from '@swc/core'

if (!new URL(import.meta.url).searchParams.has('hooks')) register(`${import.meta.url}?hooks`)

export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  const jsc = { target: 'es2022', parser: { syntax: 'typescript' } }
  const { code } = await transform(source, { jsc, module: { type: 'es6' }, sourceMaps: 'inline' })
  return { format: 'module', source: code, shortCircuit: true }
}
