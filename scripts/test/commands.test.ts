import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { runProgram } from '../../apps/cli/src/program.ts'
import { readme, root } from './readme-text.ts'

const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const texts: Readonly<Record<string, string>> = {
  'README.md': readme,
  ...Object.fromEntries(docs.map((name) => [name, readFileSync(join(root, 'docs', name), 'utf8')])),
}

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}

/** Commands in inline code and code blocks. */
function commandsIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  return [...spans, ...text.split('\n')].filter((code) =>
    /^(npm run (--silent )?[a-z]|(npx )?freshet [a-z])/.test(code),
  )
}

/** What is wrong with a command, according to package.json or its `--help`. */
async function faultOf(command: string): Promise<string | undefined> {
  const [, other = ''] = /^npm run (?!dev\b|freshet\b)([a-z:-]+)$/.exec(command) ?? []
  if (Object.hasOwn(scripts, other)) return undefined
  const [, script = '', rest = ''] =
    /^npm run (?:--silent )?(dev|freshet)(?: --(?: (.*))?)?$/.exec(command) ?? []
  if (script === '') return 'there is no such command'
  const words = [...(script === 'dev' ? ['dev'] : []), ...rest.split(' ').filter((word) => word !== '')]
  const at = words.findIndex((word) => word.startsWith('--'))
  const name = at === -1 ? words : words.slice(0, at)
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '')
  const { code, help } = await helpOf(name)
  if (code !== 0) return 'freshet has no such command'
  const unknown = flags.find((flag) => !new RegExp(`^  ${flag} `, 'm').test(help))
  if (unknown !== undefined) return `it has no option ${unknown}`
  const required = [...help.matchAll(/^ {2}(--[a-z-]+) .*\(required\)$/gm)].map(([, flag = '']) => flag)
  const missing = required.find((flag) => !flags.includes(flag))
  return at === -1 || flags.includes('--help') || missing === undefined ? undefined : `it needs ${missing}`
}

async function helpOf(name: readonly string[]) {
  let help = ''
  const code = await runProgram([...name, ...(name.length === 0 ? [] : ['--help'])], {
    env: {},
    cwd: '/nowhere',
    clock: { now: () => 0, wallMs: () => 0, sleep: async () => undefined },
    readFile: () => '',
    print: (text) => (help += text),
    say: () => undefined,
    stopped: new AbortController().signal,
  })
  return { code, help }
}

test.each(Object.entries(texts))('each command in %s is valid', async (_name, text) => {
  for (const command of commandsIn(text))
    expect({ command, fault: await faultOf(command) }).toEqual({ command, fault: undefined })
})

test('control: commands are found, and wrong ones are detected', async () => {
  const all = Object.values(texts).flatMap(commandsIn)
  expect(all.filter((command) => command.includes('freshet'))).toContainEqual(
    expect.stringMatching(/^npm run freshet -- migrate /),
  )
  expect(await faultOf('npm run dive')).toBe('there is no such command')
  expect(await faultOf('freshet audit')).toBe('there is no such command')
  expect(await faultOf('npm run freshet -- dive')).toBe('freshet has no such command')
  expect(await faultOf('npm run freshet -- migrate --db x --database y')).toBe('it has no option --db')
  expect(await faultOf('npm run freshet -- migrate --db-file x')).toBe('it needs --database')
})
