import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The Chromium of this machine: `CHROMIUM`, or the first one in the `PATH`. Says so if there is none. */
export function findChromium(): string | undefined {
  const given = process.env['CHROMIUM']
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found =
    given ?? folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable)
  if (found === undefined)
    process.stderr.write(
      `Skipped, since there is no ${names.join(', ')} in the PATH: install one, or set CHROMIUM to its path.\n`,
    )
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What a page did behind the scenes. */
export interface Seen {
  /** Errors of scripts, and what the content security policy refused. */
  readonly faults: string[]
  /** Of all requests and web-sockets. */
  readonly urls: string[]
}

/** Opens pages in one headless browser. */
export async function openBrowser(executablePath: string) {
  const browser: Browser = await chromium.launch({ executablePath })
  const open = async (url: string): Promise<{ readonly page: Page; readonly seen: Seen }> => {
    const seen: Seen = { faults: [], urls: [] }
    const page = await browser.newPage({ viewport: { width: 1_200, height: 900 } })
    page.on('pageerror', (error) => seen.faults.push(error.message))
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) seen.faults.push(message.text())
    })
    page.on('request', (request) => seen.urls.push(request.url()))
    page.on('websocket', (socket) => seen.urls.push(socket.url()))
    await page.goto(url)
    return { page, seen }
  }
  return { open, [Symbol.asyncDispose]: () => browser.close() }
}
