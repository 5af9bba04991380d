import { element } from './instances.js'

/** What one user sees: the conversation, the state of the connection, and what happened to it. */
export class Panel {
  #root
  #user

  constructor(root, user) {
    this.#root = root
    this.#user = user
  }

  /** The state of the connection. */
  showState(text, good) {
    const badge = this.#part('state')
    badge.textContent = text
    badge.dataset.good = good
  }

  /** One of `instance`, `offset`, `recovered`. */
  showFact(name, text) {
    this.#part(name).textContent = text
  }

  showFailure(error) {
    const failure = this.#part('failure')
    failure.hidden = error === undefined
    failure.textContent = error?.message ?? ''
  }

  /** Adds a line to what happened. */
  log(text) {
    const line = element('li', { textContent: `${new Date().toLocaleTimeString()} ${text}` })
    const events = this.#part('events')
    events.append(line)
    while (events.childElementCount > 200) events.firstElementChild.remove()
    events.scrollTop = events.scrollHeight
  }

  showConversation(conversation) {
    this.showFact('unread', conversation.unread)
    const list = this.#part('messages')
    const known = new Map([...list.children].map((item) => [item.dataset.key, item]))
    const items = conversation.shown.map((message) => {
      const key = `${message.from} ${message.clientId}`
      const item = known.get(key) ?? element('li')
      const text = textOf(message)
      const pending = message.pending === true
      const note = `${message.from}${pending ? ', sending' : ` · ${message.seq}`}${message.type === 'edited' ? ' · edited' : ''}`
      item.dataset.key = key
      item.className = [message.from === this.#user && 'own', pending && 'pending'].filter(Boolean).join(' ')
      // Screen readers announce what changes, so nothing is replaced by itself.
      if (item.dataset.shown !== text + note)
        item.replaceChildren(text, element('small', { textContent: note }))
      item.dataset.shown = text + note
      return item
    })
    if (items.length === list.childElementCount && items.every((item, at) => item === list.children[at]))
      return
    list.replaceChildren(...items)
    list.scrollTop = list.scrollHeight
  }

  /** Calls `send` with each text that the user enters. */
  onSend(send) {
    this.#part('form').addEventListener('submit', (event) => {
      event.preventDefault()
      const input = event.target.elements.text
      const text = input.value.trim()
      input.value = ''
      if (text !== '') send(text)
    })
  }

  #part(name) {
    return this.#root.querySelector(`[data-${name}]`)
  }
}

function textOf({ type, body }) {
  if (type === 'deleted') return 'This message was deleted.'
  // The edit or deletion follows.
  if (body === undefined) return '…'
  return typeof body?.text === 'string' ? body.text : JSON.stringify(body)
}
