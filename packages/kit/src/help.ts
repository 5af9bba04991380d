import { REQUIRED } from './option.ts'
import type { Option, OptionTable } from './option.ts'
import { variableOf } from './settings.ts'

/** Explanations of placeholders that are not self-explanatory. */
const forms: Readonly<Record<string, string>> = {
  DURATION: 'a number with a unit: 250ms, 5s, 2m, 1h, 1d',
  SIZE: 'a number with a unit: 512B, 64KiB, 64MiB, 2GiB',
  LIST: 'comma-separated values',
}

/** The text of `--help`: options and descriptions in the order of the table, then value formats and variables. */
export function helpText(table: OptionTable): string {
  const rows = Object.values(table).map((option) => [
    usage(option),
    `${option.description} ${fallbackOf(option)}`,
  ])
  rows.push(
    ['--config PATH', 'A JSON file with options by these names, without the dashes.'],
    ['--help', 'Print this help.'],
  )
  const width = Math.max(...rows.map(([left = '']) => left.length))
  const lines = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right.trim()}`)
  return `${[...lines, '', ...formsIn(table), ...variablesIn(table)].join('\n')}\n`
}

function formsIn(table: OptionTable): readonly string[] {
  const used = new Set(Object.values(table).map(({ placeholder }) => placeholder))
  return Object.entries(forms).flatMap(([form, says]) => (used.has(form) ? [`${form}: ${says}.`] : []))
}

function variablesIn(table: OptionTable): readonly string[] {
  const options = Object.values(table)
  const [name = 'config'] = options.map(fullName)
  const secrets = options.filter(({ style }) => style === 'secret').map((secret) => variableOf(secret.name))
  return [
    `Each option can also be set in the environment: --${name} is ${variableOf(name)}.`,
    ...(secrets.length === 0
      ? []
      : [`Instead of a file, the value itself can be set in ${secrets.join(', ')}.`]),
  ]
}

/** The options as a Markdown table for the documentation. */
export function helpTable(table: OptionTable): string {
  const rows = Object.values(table).map((option) => {
    const name = fullName(option)
    const cells = [`\`--${name}\``, `\`${variableOf(name)}\``, markdownFallback(option), option.description]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| flag | environment | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n')
}

/** The flag's name; a secret is passed as a file. */
function fullName({ name, style }: Option<unknown>): string {
  return style === 'secret' ? `${name}-file` : name
}

function usage(option: Option<unknown>): string {
  return option.style === 'flag' ? `--${option.name}` : `--${fullName(option)} ${option.placeholder}`
}

function fallbackOf(option: Option<unknown>): string {
  if (option.style === 'flag' || option.defaultValue === undefined) return ''
  if (option.defaultValue === REQUIRED) return '(required)'
  const shown = option.format(option.defaultValue)
  return shown === '' ? '' : `(default ${shown})`
}

function markdownFallback(option: Option<unknown>): string {
  if (option.defaultValue === REQUIRED) return 'required'
  const shown = option.defaultValue === undefined ? '' : option.format(option.defaultValue)
  return shown === '' ? '' : `\`${shown}\``
}
