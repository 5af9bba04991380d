import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { appCommand } from '@freshet/testkit'

const root = join(import.meta.dirname, '../../../..')
const command = appCommand('cli')
const [node, main = ''] = [command.slice(0, -1), command.at(-1)]

/**
 * A directory that looks like an installed clone to `scripts/run.mjs`. It runs the code of this repository, has its own
 * `.freshet`, and needs no build.
 */
export class Clone implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'freshet-clone-'))

  constructor() {
    for (const part of ['scripts', 'node_modules/.bin', 'apps/cli/dist'])
      mkdirSync(join(this.folder, part), { recursive: true })
    for (const file of ['scripts/run.mjs', 'scripts/long-tests.json', 'package.json', 'pnpm-lock.yaml'])
      copyFileSync(join(root, file), join(this.folder, file))
    const lock = createHash('sha256').update(readFileSync(join(root, 'pnpm-lock.yaml')))
    this.write('node_modules/.freshet-installed', lock.digest('hex'))
    this.write('node_modules/.bin/turbo', '#!/bin/sh\nexit 0\n')
    this.write('apps/cli/dist/main.js', `await import('${pathToFileURL(main).href}')\n`)
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.folder, file), content, { mode: 0o755 })
  }

  /** `npm run …`, with a shell in place of npm, which waits for its child as npm does. */
  run(...args: readonly string[]) {
    return this.runWith({}, ...args)
  }

  /** The same, with these additional variables. */
  runWith(variables: Readonly<Record<string, string>>, ...args: readonly string[]) {
    const shell = spawn('sh', ['-c', 'node scripts/run.mjs "$@"; exit $?', 'sh', ...args], {
      cwd: this.folder,
      env: { ...process.env, ...variables, NODE_OPTIONS: node.join(' ') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { text: '' }
    shell.stderr.on('data', (chunk: Buffer) => (said.text += chunk.toString()))
    const printed = { text: '' }
    shell.stdout.on('data', (chunk: Buffer) => (printed.text += chunk.toString()))
    const code = once(shell, 'close').then(([code]) => Number(code))
    return { shell, said, printed, code }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
