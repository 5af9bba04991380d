const requestWithinMs = 15_000
const sendWithinMs = 60_000
const pageSize = 100

/** What the service answered instead of doing it. Repeating the request does not help. */
class Refused extends Error {}

/** One user's requests to the writer, the reader and the deliveries. */
export class Account {
  #token

  constructor(user, { writer, reader }) {
    this.user = user
    this.writer = writer
    this.reader = reader
  }

  /** A new token. It stays in memory: it is in no URL, no cookie and no storage. */
  async newToken() {
    const response = await fetch(`tokens/${this.user}`, {
      method: 'POST',
      signal: AbortSignal.timeout(requestWithinMs),
    })
    if (!response.ok) throw new Error(`no token: ${response.status}`)
    this.#token = (await response.json()).token
    return this.#token
  }

  /** Sends until there is an answer. All attempts are one message, because they have the same `clientId`. */
  async send(to, text, clientId) {
    const body = JSON.stringify({ to: { user: to }, body: { text }, clientId })
    const untilMs = Date.now() + sendWithinMs
    for (let pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, 5_000)) {
      try {
        return await this.#json(`${this.writer}/v1/messages`, { method: 'POST', body })
      } catch (error) {
        if (error instanceof Refused || Date.now() + pauseMs > untilMs) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** The conversation with one other user, as the reader sees it at `position` or later; `undefined`: none yet. */
  async conversationWith(other, position) {
    const url = `${this.reader}/v1/conversations?limit=300`
    const { conversations } = await this.#json(url, { headers: atLeast(position) })
    return conversations.find(({ members }) => members?.length === 2 && members.includes(other))
  }

  /** What was stored after `seq`, page by page. After 0: only the latest page. */
  async *history(conv, seq, position) {
    const url = `${this.reader}/v1/conversations/${conv}/messages?limit=${pageSize}`
    for (let after = seq; ;) {
      const asked = after === 0 ? url : `${url}&after=${after}`
      const { messages, more } = await this.#json(asked, { headers: atLeast(position) })
      yield messages
      if (after === 0 || !more) return
      after = messages.at(-1).seq
    }
  }

  /** Marks a conversation as read, on all devices of this user. */
  async acknowledge(conv, read) {
    const body = JSON.stringify([{ conv, delivered: read, read }])
    await this.#json(`${this.writer}/v1/acks`, { method: 'POST', body })
  }

  /** A ticket is good for 30 s, at every instance: EventSource can send no header, and a token must not be in a URL. */
  async ticket(delivery) {
    return (await this.#json(`${delivery}/connection/ticket`, { method: 'POST' })).ticket
  }

  /** @throws {Refused} 4xx, other than busy */
  async #json(url, { headers = {}, ...rest } = {}) {
    const response = await this.#request(url, headers, rest)
    if (response.ok) return await response.json()
    const problem = await response.json().catch(() => ({}))
    const message = `${response.status} ${problem.title ?? ''} ${problem.detail ?? ''}`.trim()
    const final = response.status < 500 && ![401, 408, 409, 429].includes(response.status)
    throw final ? new Refused(message) : new Error(message)
  }

  async #request(url, headers, rest, again = false) {
    const authorization = `Bearer ${this.#token ?? (await this.newToken())}`
    const response = await fetch(url, {
      ...rest,
      headers: {
        ...headers,
        authorization,
        ...(rest.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(requestWithinMs),
    })
    if (response.status !== 401 || again) return response
    // It has expired.
    await this.newToken()
    return this.#request(url, headers, rest, true)
  }
}

/** The reader waits until it has reached the position: without it, it may be behind what the delivery has sent. */
function atLeast(position) {
  return position === undefined ? {} : { 'freshet-at-least': position, prefer: 'wait=10' }
}
