import type {
  PinnedConnection,
  PinOptions,
  ReadCommand,
  ReadConnection,
  ReadSession,
  RunOptions,
} from '@freshet/guard'

type Reply = Awaited<ReturnType<ReadConnection['run']>>

/** A connection that alters commands or replies, so that a test can break one rule of the source. */
export class FaultyConnection implements ReadConnection {
  readonly database: string
  readonly #inner: ReadConnection
  readonly #command: (command: ReadCommand) => ReadCommand
  readonly #reply: (reply: Reply, command: ReadCommand) => Reply

  constructor(
    inner: ReadConnection,
    faults: {
      readonly command?: (command: ReadCommand) => ReadCommand
      readonly reply?: (reply: Reply, command: ReadCommand) => Reply
    },
  ) {
    this.database = inner.database
    this.#inner = inner
    this.#command = faults.command ?? ((command) => command)
    this.#reply = faults.reply ?? ((reply) => reply)
  }

  async run(command: ReadCommand, options?: RunOptions): Promise<Reply> {
    return this.#reply(await this.#inner.run(this.#command(command), options), command)
  }

  async pin(options: PinOptions): Promise<PinnedConnection> {
    const pinned = await this.#inner.pin(options)
    return {
      run: async (command, how) => this.#reply(await pinned.run(this.#command(command), how), command),
      close: () => pinned.close(),
    }
  }

  prove(): Promise<void> {
    return this.#inner.prove()
  }

  openSession(): ReadSession {
    return this.#inner.openSession()
  }

  endSession(session: ReadSession): Promise<void> {
    return this.#inner.endSession(session)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

type FirstStage = { readonly $changeStream?: Record<string, unknown> }

function pipelineOf(command: ReadCommand): readonly FirstStage[] {
  return Array.isArray(command.aggregate === 1 ? command['pipeline'] : undefined)
    ? (command['pipeline'] as readonly FirstStage[])
    : []
}

/** Requests whole events. */
export function wantsAll(inner: ReadConnection): ReadConnection {
  return new FaultyConnection(inner, {
    command: (command) => {
      const [stage] = pipelineOf(command)
      return stage === undefined ? command : { ...command, pipeline: [stage] }
    },
  })
}

/** Treats the end of a database as a point to resume at. */
export function resumesAtTheEnd(inner: ReadConnection): ReadConnection {
  return new FaultyConnection(inner, {
    command: (command) => {
      const [stage, ...others] = pipelineOf(command)
      const { startAfter, ...rest } = stage?.$changeStream ?? {}
      return startAfter === undefined
        ? command
        : { ...command, pipeline: [{ $changeStream: { ...rest, resumeAfter: startAfter } }, ...others] }
    },
  })
}

/** Ignores that the server closed the cursor. */
export function overlooksTheEnd(inner: ReadConnection): ReadConnection {
  let last: unknown
  return new FaultyConnection(inner, {
    reply: (reply) => {
      if (reply['cursor']?.postBatchResumeToken === undefined) return reply
      const { cursor } = reply
      if (cursor.id.isZero()) return { ...reply, cursor: { ...cursor, id: last } }
      last = cursor.id
      return reply
    },
  })
}

/** Treats a reply without a snapshot time as proof of absence. */
export function takesSilenceAsAbsence(inner: ReadConnection): ReadConnection {
  return new FaultyConnection(inner, {
    reply: (reply, command) =>
      command.find === undefined || reply['cursor'].atClusterTime !== undefined
        ? reply
        : { ...reply, cursor: { ...reply['cursor'], atClusterTime: reply['operationTime'] } },
  })
}

/** Claims that every reply shows the latest state. */
export function takesFullRepliesAsProof(inner: ReadConnection): ReadConnection {
  return new FaultyConnection(inner, {
    reply: (reply) =>
      reply['cursor']?.postBatchResumeToken === undefined
        ? reply
        : { ...reply, operationTime: zeroOf(reply['operationTime']) },
  })
}

/** The zero time, of the same class. */
function zeroOf(time: { constructor: unknown }): unknown {
  const { constructor } = time
  if (typeof constructor !== 'function') throw new TypeError('expected a Timestamp')
  return Reflect.construct(constructor, [{ t: 0, i: 0 }])
}
