import { list, secret } from '@freshet/kit'
import { baseUrlOf } from './base-url.ts'
import type { CommandContext } from './command.ts'
import { readRunning } from './dev/running.ts'
import { CliError } from './errors.ts'

/** Options that name readers by their management ports. */
export const managementUrls = list(
  'management-urls',
  'Management URLs of the readers (default: those of `freshet dev` here).',
)

/** Options that name them by both ports. */
export const readerOptions = {
  managementUrls,
  readerUrls: list('reader-urls', 'Base URLs of the readers, in the same order.'),
  token: secret('token', undefined, 'A token with permission to read (default: that of `freshet dev` here).'),
}

/** A reader by its ports. */
export interface ReaderTarget {
  readonly name: string
  readonly managementUrl: string
  /** `undefined`: only the management port is known. */
  readonly url: string | undefined
}

/** The readers that the options name, or those that run here, and their token. @throws {CliError} NO_RUN */
export function readerTargets(
  provided: {
    readonly managementUrls: readonly string[]
    readonly readerUrls?: readonly string[]
    readonly token?: string | undefined
  },
  context: CommandContext,
): { readonly readers: readonly ReaderTarget[]; readonly token: string | undefined } {
  const { managementUrls, readerUrls = [], token } = provided
  const running = managementUrls.length === 0 ? readRunning(context) : undefined
  const readers =
    running?.readers.map(({ url, managementUrl }, at) => ({ name: nameOf(at), managementUrl, url })) ??
    managementUrls.map((text, at) => {
      const url = readerUrls[at]
      return {
        name: nameOf(at),
        managementUrl: baseUrlOf('management-urls', text),
        url: url === undefined ? undefined : baseUrlOf('reader-urls', url),
      }
    })
  if (readers.length === 0) throw new CliError('NO_RUN', 'the readers are missing.')
  return { readers, token: token ?? running?.token }
}

const nameOf = (at: number): string => `reader ${at + 1}`
