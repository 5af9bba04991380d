import { Account } from './account.js'
import { catchUp, Conversation } from './conversation.js'
import { loadRun, showInstances } from './instances.js'
import { Panel } from './panel.js'

const reconnectMs = { first: 200, most: 3_000 }

const run = await loadRun()
showInstances(run)
const [user, other] = run.users
const account = new Account(user, run)
const conversation = new Conversation(`events ${user}`)
const panel = new Panel(document.querySelector('main'), user)
const show = () => {
  conversation.save()
  panel.showConversation(conversation)
}
let attempts = 0
let pauseMs = reconnectMs.first

/** Opens a stream at the next instance, after the last event. Behind a load balancer there is one URL. */
async function open() {
  const { name, url } = run.deliveries[attempts++ % run.deliveries.length]
  try {
    const ticket = await account.ticket(url)
    const since = conversation.since === undefined ? {} : { since: conversation.since }
    listen(new EventSource(`${url}/connection/sse?${new URLSearchParams({ ticket, ...since })}`), name)
  } catch (error) {
    panel.log(`no ticket from ${name}: ${error.message}`)
    openAgain()
  }
}

function openAgain() {
  panel.showState('reconnecting', 'false')
  panel.showFact('instance', 'none')
  setTimeout(() => void open(), pauseMs)
  pauseMs = Math.min(2 * pauseMs, reconnectMs.most)
}

function listen(source, name) {
  const take = ({ lastEventId }) => {
    if (lastEventId === '') return
    conversation.since = lastEventId
    panel.showFact('offset', lastEventId)
  }
  const load = async () => {
    try {
      await catchUp(conversation, account, other)
      panel.showFailure(undefined)
      show()
    } catch (error) {
      panel.showFailure(error)
    }
  }
  source.addEventListener('connected', (event) => {
    const { position, recovered } = JSON.parse(event.data)
    pauseMs = reconnectMs.first
    const before = conversation.since
    panel.log(`connected ${event.data} from ${name}`)
    panel.showState('connected', 'true')
    panel.showFact('instance', name)
    panel.showFact('recovered', before === undefined ? 'new connection' : String(recovered))
    if (before !== undefined && epochOf(before) !== epochOf(event.lastEventId)) conversation.forget()
    take(event)
    if (before === undefined) conversation.miss(position)
    void load()
  })
  source.addEventListener('gap', (event) => {
    panel.log(`gap ${event.data}`)
    conversation.miss(JSON.parse(event.data).position)
    void load()
  })
  source.addEventListener('message', (event) => {
    panel.log(`message ${event.data}`)
    take(event)
    conversation.add(JSON.parse(event.data))
    show()
  })
  source.addEventListener('position', take)
  source.addEventListener('end', ({ data }) => panel.log(`end ${data}`))
  source.addEventListener('drain', () => panel.log('drain'))
  // The browser would come back by itself, but with the same ticket.
  source.addEventListener('error', () => {
    source.close()
    panel.log(`the stream from ${name} ended`)
    openAgain()
  })
}

/** An id is `<epoch>:<offset>`. */
function epochOf(id) {
  return id.split(':')[0]
}

/** What is sent here is Bob's. */
const sender = new Account(other, run)
panel.onSend(async (text) => {
  try {
    await sender.send(user, text, crypto.randomUUID())
    panel.showFailure(undefined)
  } catch (error) {
    panel.showFailure(error)
  }
})
show()
void open()
