import type { Stamp } from './stamper.ts'

/**
 * Stamps through the writer. `fetch` out of a handler says by itself what it descends from; the writer believes it of a
 * token that writes for the handlers of this service: `freshet token --handlers=stamper`.
 */
export function throughWriter(url: string, token: string): Stamp {
  return async (id) => {
    const response = await fetch(`${url}/v1/orders/${encodeURIComponent(id)}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ stampedAtMs: Date.now() }),
    })
    if (!response.ok) throw new Error(`the writer answered ${response.status}: ${await response.text()}`)
  }
}
