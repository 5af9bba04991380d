import { conversationId, membersOf } from '@freshet/messages'
import { parseSourcePosition, type Position } from '@freshet/protocol'
import type { RunningService } from '@freshet/service'
import type { SeededRandom, TestDatabase } from '@freshet/testkit'
import { Talk, type Committed, type Sent } from './talk.ts'
import { asking, type Ask } from './talk-reader.ts'

/** Who asks in a walk; `groups`: those of the token. */
interface Person {
  readonly user: string
  readonly groups: readonly string[]
  readonly ask: Ask
}

type Asked =
  | { readonly conv: string; readonly after?: number; readonly before?: number; readonly limit: number }
  | 'conversations'

interface Answered {
  readonly who: Person
  readonly asked: Asked
  readonly at: Position
  readonly got: unknown
}

const GROUPS = 3
const USERS = 5
const STEPS = 150
const ASKERS = 3

/**
 * Writes at random while several people read at random, then compares each answer with what its reader may see at its
 * position. The model knows no intervals: somebody sees a message who was a member when it was sent.
 * @returns one line for each wrong answer, and how many answers there were.
 */
export async function walk(
  db: TestDatabase,
  reader: RunningService,
  random: SeededRandom,
  name: string,
): Promise<{ readonly wrong: readonly string[]; readonly answers: number }> {
  const talk = new Talk(db)
  const groups = Array.from({ length: GROUPS }, (_, n) => `${name}-g${n}`)
  const users = Array.from({ length: USERS }, (_, n) => `${name}-u${n}`)
  for (const group of groups) await talk.createGroup(group, `${name}-u0`)
  const directs = [membersOf(users[0] ?? '', { users }), membersOf(users[1] ?? '', { user: users[2] ?? '' })]
  const convs = [...groups, ...directs.map(conversationId), `${name}-nothing`]
  const people = await Promise.all([
    ...users.map(async (user) => ({ user, groups: [], ask: await asking(reader, user) })),
    (async () => {
      const ofToken = [`${name}-g1`, conversationId(directs[0] ?? [])]
      const user = `${name}-guest`
      return { user, groups: ofToken, ask: await asking(reader, user, ofToken) }
    })(),
  ])
  const answered: Answered[] = []
  let writing = true
  const write = async (): Promise<void> => {
    for (let step = 0; step < STEPS; step++) await writeOnce(talk, random, groups, users, directs)
    writing = false
  }
  const read = async (one: SeededRandom): Promise<void> => {
    // The last answers are about the final state.
    for (let rest = 5; rest > 0; rest -= writing ? 0 : 1) {
      const who = one.pick(people)
      const asked = askedBy(one, convs, talk)
      const last = talk.committed.at(-1)?.at
      answered.push(await ask(who, asked, one.below(2) === 0 ? last : undefined))
    }
  }
  await Promise.all([write(), ...Array.from({ length: ASKERS }, (_, n) => read(random.fork(n)))])
  return { wrong: judge(talk.committed, answered), answers: answered.length }
}

async function writeOnce(
  talk: Talk,
  { below, pick }: SeededRandom,
  groups: readonly string[],
  users: readonly string[],
  directs: readonly (readonly string[])[],
): Promise<void> {
  const group = pick(groups)
  const members = [...talk.members(group)]
  const user = pick(users)
  const kind = below(10)
  if (kind < 3) return await talk.member(group, user, !members.includes(user))
  if (kind < 5) {
    const originals = talk.committed.flatMap(({ sent }) => (sent?.type === 'message' ? [sent] : []))
    const deleted = new Set(
      talk.committed.flatMap(({ sent }) => (sent?.type === 'deleted' ? [sent.ref] : [])),
    )
    const open = originals.filter(({ id }) => !deleted.has(id))
    if (open.length > 0)
      await talk.change(pick(open), below(3) === 0 ? undefined : JSON.stringify(`edit ${below(1_000)}`))
    return
  }
  if (kind < 6) {
    const seen = talk.committed.flatMap(({ sent }) => (sent?.audience.includes(user) ? [sent] : []))
    if (seen.length > 0) {
      const { conv, seq } = pick(seen)
      await talk.ack(conv, user, seq)
    }
    return
  }
  const body = JSON.stringify({ text: `message ${below(1_000)}`, é: ['"', '\n'] })
  if (kind < 7) {
    const [from = '', ...others] = pick(directs)
    await talk.send(from, others.length === 1 ? { user: others[0] ?? '' } : { users: others }, body)
  } else if (members.length > 0) await talk.send(pick(members), { group }, body)
}

function askedBy({ below, pick }: SeededRandom, convs: readonly string[], talk: Talk): Asked {
  if (below(4) === 0) return 'conversations'
  const conv = pick(convs)
  const limit = 1 + below(12)
  const seq = below(talk.lastSeq(conv) + 2)
  return { conv, limit, ...[{}, { after: seq }, { after: 0 }, { before: seq }][below(4)] }
}

async function ask(who: Person, asked: Asked, atLeast: Position | undefined): Promise<Answered> {
  const source = (await who.ask('/conversations')).headers.get('freshet-position')?.slice(0, 8)
  const headers: Record<string, string> =
    atLeast === undefined ? {} : { 'freshet-at-least': `${source}.${atLeast}`, prefer: 'wait=10' }
  const answer = await who.ask(pathOf(asked), headers)
  const at = parseSourcePosition(answer.headers.get('freshet-position') ?? '')?.at
  const got: unknown = answer.status === 200 ? await answer.json() : answer.status
  if (at === undefined || (atLeast !== undefined && at < atLeast))
    throw new Error(`expected a position of at least ${atLeast}, got ${at}: ${JSON.stringify(got)}`)
  return { who, asked, at, got }
}

function pathOf(asked: Asked): string {
  if (asked === 'conversations') return '/conversations?limit=300'
  const { conv, ...query } = asked
  const text = Object.entries(query).map(([name, value]) => `${name}=${value}`)
  return `/conversations/${conv}/messages?${text.join('&')}`
}

/** Compares every answer with the state at its position. */
function judge(committed: readonly Committed[], answered: readonly Answered[]): readonly string[] {
  const wrong: string[] = []
  for (const { who, asked, at, got } of answered) {
    const state = committed.filter((one) => one.at <= at)
    const expected = asked === 'conversations' ? listFor(who, state) : pageFor(who, asked, state)
    const shown = typeof got === 'number' ? got : shortened(got)
    if (JSON.stringify(shown) !== JSON.stringify(expected))
      wrong.push(
        `${who.user} ${pathOf(asked)} at ${at}:\n${JSON.stringify(shown)}\nexpected ${JSON.stringify(expected)}`,
      )
  }
  return wrong
}

/** The fields that the model knows. */
function shortened(got: unknown): unknown {
  const { messages, more, conversations, next } = got as Record<string, readonly Record<string, unknown>[]>
  if (conversations !== undefined) return { conversations, next }
  return { messages: messages?.map(({ id, seq, type, body }) => ({ id, seq, type, body })), more }
}

function visibleTo({ user, groups }: Person, conv: string, state: readonly Committed[]): readonly Sent[] {
  const sent = state.flatMap((one) => (one.conv === conv && one.sent !== undefined ? [one.sent] : []))
  return sent.filter(
    ({ audience, to }) => audience.includes(user) || ('group' in to && groups.includes(conv)),
  )
}

function isMember({ user, groups }: Person, conv: string, state: readonly Committed[]): boolean {
  const changes = state.filter((one) => one.does === 'member' && one.conv === conv)
  const last = changes.findLast((one) => one.user === user)
  return last?.joins === true || (changes.length > 0 && groups.includes(conv))
}

function pageFor(who: Person, asked: Exclude<Asked, 'conversations'>, state: readonly Committed[]): unknown {
  const { conv, after, before = Infinity, limit } = asked
  const visible = visibleTo(who, conv, state)
  if (visible.length === 0 && !isMember(who, conv, state)) return 404
  const matching = visible.filter(({ seq }) => (after === undefined ? seq < before : seq > after))
  const page = after === undefined ? matching.slice(-limit) : matching.slice(0, limit)
  const ids = new Set(visible.map(({ id }) => id))
  const bodyOf = ({ id, type, ref, body }: Sent): unknown => {
    const changes = state.filter(({ sent }) => sent?.ref === (ref ?? id))
    const last = changes.at(-1)?.sent
    if (last === undefined) return body
    if (type !== 'message') return last.id === id ? body : undefined
    return ids.has(last.id) ? last.body : undefined
  }
  const messages = page.map((one) => {
    const body = bodyOf(one)
    const { id, seq, type } = one
    return { id, seq, type, body: typeof body === 'string' ? JSON.parse(body) : undefined }
  })
  return { messages, more: matching.length > limit }
}

function listFor(who: Person, state: readonly Committed[]): unknown {
  const convs = [...new Set(state.map(({ conv }) => conv))].toSorted()
  const conversations = convs.flatMap((conv) => {
    const visible = visibleTo(who, conv, state)
    const member = isMember(who, conv, state)
    if (visible.length === 0 && !member) return []
    const lastSeq = visible.at(-1)?.seq ?? 0
    const acked = state.filter((one) => one.does === 'ack' && one.conv === conv && one.user === who.user)
    const read = Math.max(acked.at(-1)?.read ?? 0, (visible[0]?.seq ?? 1) - 1)
    const unread = visible.filter(({ seq }) => seq > read).length
    const direct = visible.find(({ to }) => !('group' in to))
    const kind = direct ? { members: direct.audience } : { group: true }
    return [{ conv, ...kind, lastSeq, read, unread, ...(!direct && !member && { left: true }) }]
  })
  return { conversations, next: undefined }
}
