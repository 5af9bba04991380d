import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { blocksOf, brokenLinks, readme, root } from './readme-text.ts'

test('every file linked in the README exists', () => {
  expect(brokenLinks(readme)).toEqual([])
  expect(brokenLinks('see [this](packages/none/SPEC.md)')).toEqual(['packages/none/SPEC.md'])
})

test('the commands in the README are scripts of the repository', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>
  }
  const commands = blocksOf(readme).map(({ script }) => script.trim())
  expect(commands.filter((command) => command.startsWith('npm'))).toEqual([
    'npm run dev',
    'npm test',
    'npm run freshet -- audit --for 5s',
  ])
  for (const name of ['dev', 'freshet', 'test'])
    expect(scripts[name]).toMatch(new RegExp(`^(exec )?node scripts/run\\.mjs ${name}$`))
})
