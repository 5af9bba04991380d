/** How many messages survive a reload. Older ones can be loaded from the reader. */
const storedMessages = 200

/**
 * What one user knows of a conversation, and up to where. Messages may come twice, from the delivery and from the reader, in
 * any order: they are told apart by id and shown by `seq`.
 */
export class Conversation {
  #key
  #messages = new Map()
  /** Changes of messages that are not known yet. */
  #changes = new Map()
  #pending = new Map()
  /** The position at the deliveries: `{epoch, offset}`, or a `Last-Event-ID`. */
  since
  conv
  lastSeq = 0
  read = 0
  /** `{after, position}`: what comes after this `seq` has to be loaded from the reader; `undefined`: nothing is missing. */
  missing

  /** Continues where the page was before it was reloaded. */
  constructor(key) {
    this.#key = key
    const stored = JSON.parse(sessionStorage.getItem(key) ?? 'null')
    if (stored === null) return
    for (const message of stored.messages) this.#messages.set(message.id, message)
    const { since, conv, lastSeq, read, missing } = stored
    Object.assign(this, { since, conv, lastSeq, read, missing })
  }

  get unread() {
    return this.lastSeq - this.read
  }

  /** All messages in order, then those that are being sent. */
  get shown() {
    const stored = [...this.#messages.values()].toSorted((one, other) => one.seq - other.seq)
    return [...stored, ...this.#pending.values()]
  }

  /** Takes a message of this conversation, an edit, a deletion or a read cursor. */
  add(change) {
    if (change.type === 'cursor') {
      if (change.conv === this.conv) this.read = Math.max(this.read, change.read)
      return
    }
    const { id, conv, seq, type, ref, clientId, body } = change
    this.conv ??= conv
    if (conv !== this.conv) return
    this.lastSeq = Math.max(this.lastSeq, seq)
    if (type === 'message') {
      this.#pending.delete(clientId)
      if (!this.#messages.has(id)) this.#messages.set(id, { ...change, ...this.#changes.get(id) })
    } else {
      const latest = { body, type, changedBy: seq }
      const known = this.#messages.get(ref)
      if (known !== undefined) {
        if ((known.changedBy ?? 0) < seq) this.#messages.set(ref, { ...known, ...latest })
      } else if ((this.#changes.get(ref)?.changedBy ?? 0) < seq) this.#changes.set(ref, latest)
    }
  }

  /** Shows a message before it is stored. */
  addPending(message) {
    this.#pending.set(message.clientId, { ...message, pending: true })
  }

  /** Sent, or given up. An earlier message may still be on its way, so `lastSeq` moves when this one is delivered. */
  endPending(clientId, message) {
    this.#pending.delete(clientId)
    if (message !== undefined && !this.#messages.has(message.id)) this.#messages.set(message.id, message)
  }

  /** Something may be missing after what is known now. It stays missing until it has been loaded, also over a reload. */
  miss(position) {
    this.missing = { after: Math.min(this.missing?.after ?? Infinity, this.lastSeq), position }
    this.save()
  }

  /** The epoch is another, so the database may be: nothing that was known counts. */
  forget() {
    this.#messages.clear()
    this.#changes.clear()
    Object.assign(this, { conv: undefined, lastSeq: 0, read: 0, missing: undefined })
  }

  save() {
    const { since, conv, lastSeq, read, missing } = this
    const messages = this.shown.filter((message) => message.pending !== true).slice(-storedMessages)
    sessionStorage.setItem(this.#key, JSON.stringify({ since, conv, lastSeq, read, missing, messages }))
  }
}

const reloadEveryMs = 1_000
const reloads = 60

/**
 * Loads what is missing from the reader, at the delivery's position or later, so that nothing lies between the two. Repeats
 * until it has worked.
 */
export async function catchUp(conversation, account, other) {
  for (let attempt = 1; conversation.missing !== undefined; attempt += 1) {
    const { missing } = conversation
    const { after, position } = missing
    try {
      const found = await account.conversationWith(other, position)
      if (found !== undefined) {
        conversation.conv = found.conv
        for await (const messages of account.history(found.conv, after, position))
          for (const message of messages) conversation.add(message)
        conversation.read = Math.max(conversation.read, found.read)
        conversation.lastSeq = Math.max(conversation.lastSeq, found.lastSeq)
      }
      // Unless there was another gap in the meantime.
      if (conversation.missing === missing) conversation.missing = undefined
      conversation.save()
    } catch (error) {
      if (attempt >= reloads) throw error
      await new Promise((resolve) => setTimeout(resolve, reloadEveryMs))
    }
  }
}
