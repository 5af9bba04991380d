import { expect, test } from '@jest/globals'
import { readersImports, refusedIn } from './imports.ts'

test.each([
  `const p = process\nexport const net = p.getBuiltinModule('node:net')`,
  `const { getBuiltinModule } = process`,
  `export const net = (process as unknown as { getBuiltinModule(name: string): unknown }).getBuiltinModule('node:net')`,
  `export const net = process?.getBuiltinModule('node:net')`,
  `export const net = process['getBuiltinModule']('node:net')`,
  `process.execve('/bin/sh', [])`,
  `export const load = Reflect.get(process, 'getBuiltinModule')`,
  `export const o = { process }`,
  `export const f = (p = process) => p`,
  `export const make = (() => 1).constructor('return process')()`,
  `export const make = (f: Function) => f['constructor']('return process')()`,
  'export const make = (f: Function) => f[`constructor`]("return process")()',
  `export const make = (f: Function) => f?.constructor?.('return process')()`,
  `const { constructor: Make } = () => 1`,
  `const { constructor } = () => 1`,
  `export const again = (q: { socket: object }) => new q.socket.constructor()`,
])('G2.1 refused: %s', async (source) => {
  expect(await refusedIn(source, readersImports)).not.toEqual([])
})

test.each([
  `export const version = process.version`,
  `process.exitCode = 78`,
  `export class A { readonly #a: number; constructor(a: number) { this.#a = a } get a() { return this.#a } }`,
  `export const o = { process: 1 }\nexport const p = o.process`,
])('G2.1 permitted: %s', async (source) => {
  expect(await refusedIn(source, readersImports)).toEqual([])
})
