import type { Stamp } from './stamper.ts'

/** Stamps through the writer. Nothing is added here: `fetch` out of a handler says what it descends from. */
export function throughWriter(url: string): Stamp {
  return async (id) => {
    const response = await fetch(`${url}/v1/orders/${encodeURIComponent(id)}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ stampedAtMs: Date.now() }),
    })
    if (!response.ok) throw new Error(`the writer answered ${response.status}: ${await response.text()}`)
  }
}
