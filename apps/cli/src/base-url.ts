import { ConfigError } from '@freshet/kit'

/** Normalizes a base URL from the list of an option: no slash at the end. @throws {ConfigError} BAD_VALUE */
export function baseUrlOf(option: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw new ConfigError(
      'BAD_VALUE',
      `--${option} contains ${JSON.stringify(text)}; expected http or https URLs, such as http://host:7401.`,
    )
  return url.href.replace(/\/$/, '')
}
