import { REQUIRED } from './option.ts'
import type { Option, OptionTable } from './option.ts'
import { variableOf } from './settings.ts'

/** The options as `--help` prints them: two columns, in the order of the table. Ends with a line break. */
export function helpText(table: OptionTable): string {
  const rows = Object.values(table).map((option) => [usage(option), `${option.says} ${fallbackOf(option)}`])
  rows.push(
    ['--config PATH', 'A JSON object with options by these names, without the dashes.'],
    ['--help', 'Prints this.'],
  )
  const width = Math.max(...rows.map(([left = '']) => left.length))
  const lines = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right.trim()}`)
  return `${lines.join('\n')}\n\nEach option is also read from the environment: --cache-size is FRESHET_CACHE_SIZE.\n`
}

/** The options as a Markdown table for the documentation. */
export function helpTable(table: OptionTable): string {
  const rows = Object.values(table).map((option) => {
    const name = option.style === 'secret' ? `${option.name}-file` : option.name
    const cells = [`\`--${name}\``, `\`${variableOf(name)}\``, markdownFallback(option), option.says]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| flag | environment | default | meaning |', '|---|---|---|---|', ...rows, ''].join('\n')
}

function usage({ name, form, style }: Option<unknown>): string {
  if (style === 'flag') return `--${name}`
  return style === 'secret' ? `--${name}-file ${form}` : `--${name} ${form}`
}

function fallbackOf(option: Option<unknown>): string {
  if (option.style === 'flag' || option.fallback === undefined) return ''
  if (option.fallback === REQUIRED) return '(required)'
  const shown = option.show(option.fallback)
  return shown === '' ? '' : `(default ${shown})`
}

function markdownFallback(option: Option<unknown>): string {
  if (option.fallback === REQUIRED) return 'required'
  const shown = option.fallback === undefined ? '' : option.show(option.fallback)
  return shown === '' ? '' : `\`${shown}\``
}
