import type { Stamp } from './stamper.ts'

/**
 * Stamps through the writer, with the `fetch` that the handler receives, so the writer knows the lineage. The writer
 * requires a token for the handlers of this service: `freshet token --handlers=stamper`.
 */
export function throughWriter(url: string, token: string): Stamp {
  return async (id, { fetch }) => {
    const response = await fetch(`${url}/v1/orders/${encodeURIComponent(id)}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ stampedAtMs: Date.now() }),
    })
    if (!response.ok) throw new Error(`the writer answered ${response.status}: ${await response.text()}`)
  }
}
