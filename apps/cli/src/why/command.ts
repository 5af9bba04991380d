import { ConfigError, defineOptions, flag } from '@freshet/kit'
import { defineCommand } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { readerOptions, readerTargets } from '../reader-targets.ts'
import { explain, explainAgain, formatViews } from './explain.ts'
import { viewAt, viewOf } from './views.ts'

const options = defineOptions({
  ...readerOptions,
  look: flag(
    'look',
    'Only looks at what is cached. Otherwise the document is also requested, as a client would.',
  ),
  json: flag('json', 'Prints one JSON line.'),
})

/** `freshet why COLLECTION/ID`: one document on every reader, and why they differ. */
export const whyCommand = defineCommand({
  name: 'why',
  summary:
    'Shows one document on every reader side by side, cached or not, and says why they differ if they do.',
  options,
  operand: 'COLLECTION/ID',
  exits: {
    [exitCodes.done]: 'All readers give the same, at once or when asked for the same position.',
    [exitCodes.failed]: 'Readers differ at the same position, or one does not answer.',
    [exitCodes.badConfig]: 'An option or the document is invalid, or there are no readers.',
  },
  async run({ look, json, ...provided }, context, document) {
    const [, collection = '', id = ''] = /^([^/]+)\/(.+)$/s.exec(document) ?? []
    if (collection === '')
      throw new ConfigError(
        'BAD_VALUE',
        `got ${JSON.stringify(document)}; expected COLLECTION/ID, such as products/17.`,
      )
    const { readers, token } = readerTargets(provided, context)
    const asked = { collection, id, token, request: !look }
    const views = await Promise.all(readers.map((reader) => viewOf(reader, asked)))
    let result = explain(views)
    let again: typeof views | undefined
    const latest = views
      .flatMap(({ at }) => at ?? [])
      .toSorted((one, other) => (one.at < other.at ? 1 : -1))[0]
    if (result.kind === 'passing' && !look && latest !== undefined) {
      again = await Promise.all(
        readers.map((reader, at) => {
          const view = views[at]
          return view === undefined ? viewOf(reader, asked) : viewAt(reader, asked, view, latest)
        }),
      )
      result = explainAgain(result, explain(again))
    }
    context.print(
      json
        ? JSON.stringify({
            document,
            kind: result.kind,
            sentence: result.sentence,
            views,
            ...(again && { again }),
          })
        : [formatViews(views), '', result.sentence].join('\n'),
    )
    return result.kind === 'same' || result.kind === 'passing' ? exitCodes.done : exitCodes.failed
  },
})
