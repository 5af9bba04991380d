import { Centrifuge } from '../node_modules/centrifuge/build/index.mjs'
import { Account } from './account.js'
import { catchUp, Conversation } from './conversation.js'
import { loadRun, showInstances } from './instances.js'
import { Panel } from './panel.js'

const run = await loadRun()
showInstances(run)
for (const [at, user] of run.users.entries()) {
  const root = document.querySelector('#person').content.firstElementChild.cloneNode(true)
  const other = run.users.find((one) => one !== user)
  root.querySelector('[data-name]').textContent = nameOf(user)
  root.querySelector('[data-label]').textContent = `${nameOf(user)} writes to ${nameOf(other)}`
  root.querySelector('input').placeholder = `Message to ${nameOf(other)}`
  root.querySelector('[data-messages]').setAttribute('aria-label', `${nameOf(user)}'s messages`)
  root.dataset.user = user
  document.querySelector('#people').append(root)
  // Ann starts at the first instance, Bob at the second.
  const urls = [...run.deliveries.slice(at), ...run.deliveries.slice(0, at)]
  join({ root, user, other, urls })
}

function nameOf(user) {
  return user[0].toUpperCase() + user.slice(1)
}

/** Connects one user, and shows everything that happens. */
function join({ root, user, other, urls }) {
  const account = new Account(user, run)
  const conversation = new Conversation(`chat ${user}`)
  const panel = new Panel(root, user)
  const show = () => {
    conversation.save()
    panel.showConversation(conversation)
  }
  const load = async () => {
    try {
      await catchUp(conversation, account, other)
      panel.showFailure(undefined)
      show()
      acknowledge()
    } catch (error) {
      panel.showFailure(error)
    }
  }
  /** Reading is being in this panel. */
  const acknowledge = () => {
    const { conv, lastSeq, read } = conversation
    if (conv === undefined || lastSeq <= read || !root.contains(document.activeElement)) return
    // The delivery sends the cursor to all devices of this user, this one too.
    void account.acknowledge(conv, lastSeq).catch((error) => panel.log(`not acknowledged: ${error.message}`))
  }

  let instance = 'none'
  let attempts = 0
  /** Tries the instances in turn. Behind a load balancer there is one URL, and this class is not needed. */
  class NextInstance extends WebSocket {
    constructor(_url, ...rest) {
      const { name, url } = urls[attempts++ % urls.length]
      super(`${url.replace('http', 'ws')}/connection/websocket`, ...rest)
      instance = name
    }
  }
  const client = new Centrifuge('/connection/websocket', {
    websocket: NextInstance,
    getToken: () => account.newToken(),
    // After a reload the client knows no position, but the page does.
    getData: async () => (conversation.since === undefined ? null : { since: conversation.since }),
    minReconnectDelay: 200,
    maxReconnectDelay: 3_000,
  })
  let position
  client.on('connecting', ({ code, reason }) => {
    panel.showState('reconnecting', 'false')
    panel.showFact('instance', 'none')
    if (code !== 0) panel.log(`disconnected: ${code} ${reason}`)
  })
  client.on('connected', ({ data }) => {
    position = data.position
    panel.showState('connected', 'true')
    panel.showFact('instance', instance)
  })
  client.on('disconnected', ({ code, reason }) => {
    panel.showState('disconnected', 'false')
    panel.log(`disconnected for good: ${code} ${reason}`)
  })
  client.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
    const { epoch, offset } = streamPosition
    panel.log(
      `${instance}: offset ${offset}, ${wasRecovering ? `recovered: ${recovered}` : 'a new connection'}`,
    )
    panel.showFact('recovered', wasRecovering ? String(recovered) : 'new connection')
    panel.showFact('offset', offset)
    if (conversation.since !== undefined && conversation.since.epoch !== epoch) conversation.forget()
    conversation.since = { epoch, offset }
    if (!recovered) conversation.miss(position)
    void load()
  })
  client.on('publication', ({ data, offset }) => {
    panel.showFact('offset', offset)
    conversation.since = { ...conversation.since, offset }
    conversation.add(data)
    if (data.id !== undefined) panel.log(`${instance}: offset ${offset}, ${data.type} from ${data.from}`)
    show()
    acknowledge()
  })
  root.addEventListener('focusin', acknowledge)
  panel.onSend(async (text) => {
    const clientId = crypto.randomUUID()
    conversation.addPending({ clientId, from: user, type: 'message', body: { text } })
    show()
    try {
      conversation.endPending(clientId, await account.send(other, text, clientId))
      panel.showFailure(undefined)
    } catch (error) {
      conversation.endPending(clientId)
      panel.showFailure(error)
    }
    show()
    acknowledge()
  })
  show()
  client.connect()
}
