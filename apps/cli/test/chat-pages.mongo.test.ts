import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import type { Page } from 'playwright-core'
import { Program } from './support/program.ts'
import { findChromium, openBrowser } from './support/browser.ts'

const chromium = findChromium()

const sample = [
  'Hi Bob! Is the oak desk still in stock?',
  'Yes. Shall I put one aside for you?',
  'Please do. And a steel lamp, if there is one.',
  'Done: one desk, one lamp.',
]

let dev: Program
let chat: string
let browser: Awaited<ReturnType<typeof openBrowser>>
/** All texts so far, in order; the tests follow each other. */
const said = [...sample]

const describeIfChromium = chromium === undefined ? describe.skip : describe

/** One person of the first page. */
function person(page: Page, user: string) {
  const root = page.locator(`[data-user=${user}]`)
  return {
    texts: () => textsIn(root),
    fact: (name: string) => root.locator(`[data-${name}]`).innerText(),
    say: async (text: string) => {
      await root.locator('input').fill(text)
      await root.locator('input').press('Enter')
    },
  }
}

/** The messages without what stands below them. */
function textsIn(root: Pick<Page, 'locator'>): Promise<readonly (string | undefined)[]> {
  return root
    .locator('[data-messages] li')
    .evaluateAll((items) => items.map((item) => item.firstChild?.textContent ?? undefined))
}

function instance(page: Page, number: number) {
  const row = page.locator(`#instances li:nth-child(${number})`)
  return { state: () => row.locator('.badge').innerText(), kill: () => row.getByRole('button').click() }
}

/** What Ann's page keeps over a reload. */
interface Stored {
  readonly since: { epoch: string; offset: number }
  messages: { readonly body: { text: string } }[]
  lastSeq: number
}

async function editStored(page: Page, edit: (stored: Stored) => void): Promise<void> {
  const stored: Stored = JSON.parse(String(await page.evaluate(`sessionStorage.getItem('chat ann')`)))
  edit(stored)
  await page.evaluate(`sessionStorage.setItem('chat ann', ${JSON.stringify(JSON.stringify(stored))})`)
}

/** For people to look at: CHAT_SCREENSHOTS names a directory. */
async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['CHAT_SCREENSHOTS']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

describeIfChromium('in a browser', () => {
  beforeAll(async () => {
    dev = new Program(['dev', '--json', '--port=0', '--ephemeral'])
    browser = await openBrowser(chromium ?? '')
    chat = String((await dev.json())['chat'])
  }, 180_000)
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await dev?.[Symbol.asyncDispose]()
  })

  test('two people at two instances write to each other; one instance is killed, and everything arrives once', async () => {
    const { page, seen } = await browser.open(chat)
    const [ann, bob] = [person(page, 'ann'), person(page, 'bob')]
    await eventually(async () => {
      expect([await ann.texts(), await bob.texts()]).toEqual([said, said])
      expect([await ann.fact('instance'), await bob.fact('instance')]).toEqual(['delivery 1', 'delivery 2'])
    })
    // Bob has read everything, Ann everything but the last.
    expect([await ann.fact('unread'), await bob.fact('unread')]).toEqual(['1', '0'])
    const talk = async (from: typeof ann, text: string): Promise<void> => {
      await from.say(text)
      said.push(text)
      // In this order on both sides.
      await eventually(async () => expect(await bob.texts()).toContain(text))
    }
    await talk(ann, 'Hello Bob')
    await talk(bob, 'Hello Ann')
    await eventually(async () => expect([await ann.texts(), await bob.texts()]).toEqual([said, said]))
    await instance(page, 1).kill()
    for (let at = 1; at <= 8; at += 1) await talk(at % 2 === 0 ? ann : bob, `while one is away ${at}`)
    await eventually(async () => {
      expect(await ann.fact('instance')).toBe('delivery 2')
      expect(await ann.fact('recovered')).toBe('true')
      expect([await ann.texts(), await bob.texts()]).toEqual([said, said])
    })
    expect(await instance(page, 1).state()).toBe('killed, starts again')
    await screenshot(page, 'two-people')
    await eventually(async () => expect(await instance(page, 1).state()).toBe('running'))
    // Now the other one.
    await instance(page, 2).kill()
    for (let at = 1; at <= 4; at += 1) await talk(at % 2 === 0 ? ann : bob, `the other way round ${at}`)
    await eventually(async () => {
      expect([await ann.fact('instance'), await bob.fact('instance')]).toEqual(['delivery 1', 'delivery 1'])
      expect([await ann.texts(), await bob.texts()]).toEqual([said, said])
    })
    expect(seen.faults).toEqual([])
    // A token is JSON in base64url.
    expect(seen.urls.filter((url) => url.includes('eyJ'))).toEqual([])
    expect(
      seen.urls.filter((url) => !url.startsWith('http://127.0.0.1:') && !/^(ws:|data:)/.test(url)),
    ).toEqual([])
    await page.close()
  })

  test('a page that was reloaded goes on where it was; one whose position is unknown loads what it misses', async () => {
    const { page, seen } = await browser.open(chat)
    const [ann, bob] = [person(page, 'ann'), person(page, 'bob')]
    await eventually(async () => expect([await ann.texts(), await bob.texts()]).toEqual([said, said]))
    const historyReads = (): number => seen.urls.filter((url) => url.includes('/messages?')).length
    const before = historyReads()
    await page.reload()
    await eventually(async () => expect(await ann.fact('recovered')).toBe('true'))
    expect(await ann.texts()).toEqual(said)
    expect(historyReads()).toBe(before)
    // As after a week: a position of long ago, and the last message that was seen.
    await editStored(page, (stored) => {
      stored.since.offset = 1
      stored.messages = stored.messages.slice(0, 3)
      stored.lastSeq = 3
    })
    await page.reload()
    await eventually(async () => expect(await ann.fact('recovered')).toBe('false'))
    await eventually(async () => expect(await ann.texts()).toEqual(said))
    expect(seen.urls.findLast((url) => url.includes('/messages?'))).toMatch(/after=3$/)
    // Another database.
    await editStored(page, ({ since, messages: [first] }) => {
      since.epoch = '0123456789abcdef'
      if (first !== undefined) first.body.text = 'of another database'
    })
    await page.reload()
    await eventually(async () => expect(await ann.texts()).toEqual(said))
    expect(seen.faults).toEqual([])
    await page.close()
  })

  test('negative control: a page that drops what was replayed does not show everything', async () => {
    const { page } = await browser.open(chat)
    await page.route('**/src/chat.js', async (route) => {
      const source = await (await route.fetch()).text()
      await route.fulfill({
        contentType: 'text/javascript',
        body: source.replace('conversation.add(data)', 'if (attempts === 1) conversation.add(data)'),
      })
    })
    await page.reload()
    const [ann, bob] = [person(page, 'ann'), person(page, 'bob')]
    await eventually(async () => expect(await ann.texts()).toEqual(said))
    await eventually(async () => expect(await instance(page, 1).state()).toBe('running'))
    await eventually(async () => expect(await instance(page, 2).state()).toBe('running'))
    const first = (await ann.fact('instance')) === 'delivery 1' ? 1 : 2
    await instance(page, first).kill()
    await bob.say('not shown to Ann')
    said.push('not shown to Ann')
    await eventually(async () => {
      expect(await ann.fact('recovered')).toBe('true')
      expect(await bob.texts()).toEqual(said)
    })
    expect(await ann.texts()).toEqual(said.slice(0, -1))
    await page.close()
  })

  test('the page with EventSource recovers at the other instance, and no token is in a URL', async () => {
    const { page, seen } = await browser.open(`${chat}/events.html`)
    const fact = (name: string): Promise<string> => page.locator(`[data-${name}]`).innerText()
    await eventually(async () => expect(await textsIn(page)).toEqual(said))
    for (const number of [1, 2])
      await eventually(async () => expect(await instance(page, number).state()).toBe('running'))
    const before = await fact('instance')
    await instance(page, Number(before.at(-1))).kill()
    for (const text of ['Through', 'an event stream']) {
      await page.locator('input').fill(text)
      await page.locator('input').press('Enter')
      said.push(text)
      await eventually(async () => expect(await textsIn(page)).toContain(text))
    }
    await eventually(async () => {
      expect(await fact('instance')).not.toBe(before)
      expect(await fact('recovered')).toBe('true')
      expect(await textsIn(page)).toEqual(said)
    })
    await screenshot(page, 'event-stream')
    await page.reload()
    await eventually(async () => expect(await fact('recovered')).toBe('true'))
    expect(await textsIn(page)).toEqual(said)
    expect(seen.faults).toEqual([])
    // Tickets are JWTs too, and only there.
    expect(
      seen.urls.filter((url) => url.includes('eyJ') && !url.includes('/connection/sse?ticket=')),
    ).toEqual([])
    await page.close()
  })
})
