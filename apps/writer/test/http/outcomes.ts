import { expect, test } from '@jest/globals'
import { CutProxy, eventually } from '@freshet/testkit'
import type { OpenHttp } from '../support/http-database.ts'
import { openWriter, openWriterAtOnce, type OpenWriter } from '../support/open-writer.ts'

/** This header requires a read in a transaction. */
const ifMatch = { 'if-match': '*' }
const merge = { 'content-type': 'application/merge-patch+json' }

export function testOutcomes({ db }: OpenHttp): void {
  /** A writer whose connection to the database can be disturbed. */
  interface Disturbed extends AsyncDisposable {
    readonly proxy: CutProxy
    readonly writer: OpenWriter
  }

  async function openDisturbed(argv: readonly string[] = []): Promise<Disturbed> {
    const proxy = await CutProxy.open(db.port)
    const writer = await openWriter(db.uriThrough(proxy.port), { argv })
    const close = async (): Promise<void> => {
      await writer[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    }
    return { proxy, writer, [Symbol.asyncDispose]: close }
  }

  const works = async (writer: OpenWriter): Promise<void> =>
    expect((await writer.send('PUT', 'products/warm', { body: { name: 'x' } })).status).toBeLessThan(300)

  const unknown = { status: 504, type: 'https://freshet.dev/problems/outcome-unknown', retryable: false }

  test('a write whose reply is lost is 504 with its id, although the document is stored', async () => {
    await using disturbed = await openDisturbed()
    const { proxy, writer } = disturbed
    // Opens the connection that the write will use.
    await writer.send('PUT', 'products/warm', { body: { name: 'x' } })
    proxy.blackHole('replies')
    const answer = writer.send('POST', 'products', { body: { name: 'lost' } })
    const there = await eventually(async () => {
      const found = (await db.all('products')).find(({ name }) => name === 'lost')
      if (!found) throw new Error('not written yet')
      return found
    })
    proxy.cut()
    const got = await answer
    // The writer generated the id, so only this answer can contain it.
    expect(got.json).toMatchObject({ ...unknown, id: there.id })
    expect(got.headers.get('freshet-position')).toBeNull()
    proxy.resume()
    await eventually(async () =>
      expect((await writer.send('PUT', 'products/warm', { body: { name: 'y' } })).status).toBe(200),
    )
  })

  test('a connection that goes silent after the write was sent is 504 too', async () => {
    await using disturbed = await openDisturbed(['--acknowledge-within=100ms'])
    const { proxy, writer } = disturbed
    // On a busy machine the driver may notice the silence before the write is sent: that is 503, and is tried again.
    await eventually(async () => {
      proxy.resume()
      await eventually(() => works(writer))
      proxy.blackHole('replies')
      const got = await writer.send('PUT', 'products/silent', {
        headers: { prefer: 'handling=lenient' },
        body: { name: 'x' },
      })
      expect(got.json).toMatchObject({ ...unknown, id: 'silent' })
    })
    proxy.resume()
  })

  test('a connection that accepts no more bytes of a large write is 504, and its memory is released', async () => {
    const argv = ['--acknowledge-within=100ms', '--max-writes=1', '--max-body=16MiB']
    await using disturbed = await openDisturbed(argv)
    const { proxy, writer } = disturbed
    // The driver may notice the silence before the write is sent: that is 503, and is tried again.
    await eventually(async () => {
      proxy.resume()
      await eventually(() => works(writer))
      proxy.blackHole('requests')
      // More than the buffers in between can take.
      const got = await writer.send('PUT', 'products/large', {
        headers: { prefer: 'handling=lenient' },
        body: { name: 'x'.repeat(15_000_000) },
      })
      expect(got.json).toMatchObject({ ...unknown, id: 'large' })
    })
    proxy.resume()
    await eventually(() => works(writer))
  })

  test('an unavailable database is 503 with Retry-After for each method, and nothing is written', async () => {
    await using disturbed = await openDisturbed()
    const { proxy, writer } = disturbed
    proxy.cut()
    const lenient = { prefer: 'handling=lenient' }
    const answers = await Promise.all([
      writer.send('POST', 'products', { body: { id: 'away', name: 'x' } }),
      writer.send('PUT', 'products/away', { body: { name: 'x' } }),
      writer.send('PUT', 'products/away', { headers: lenient, body: { name: 'x' } }),
      writer.send('PATCH', 'products/away', { headers: merge, body: { name: 'x' } }),
      writer.send('DELETE', 'products/away'),
    ])
    for (const got of answers) {
      expect(got.status).toBe(503)
      expect(got.headers.get('retry-after')).toBe('1')
      expect(got.text).not.toMatch(/ECONN|mongo|postgres|127\.0\.0\.1/i)
    }
    expect(await db.text('products', 'away')).toBeUndefined()
  })

  test('a writer starts without its database, answers 503 meanwhile, and works once it is available', async () => {
    await using proxy = await CutProxy.open(db.port)
    proxy.cut()
    await using writer = await openWriterAtOnce(db.uriThrough(proxy.port))
    const ready = () => fetch(`${writer.service.managementUrl}/readyz`)
    const early = await writer.send('POST', 'products', { body: { id: 'early', name: 'x' } })
    expect(early.json).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/unavailable' })
    expect((await ready()).status).toBe(503)
    // By now the driver's first attempt to connect has failed permanently.
    proxy.resume()
    await eventually(async () =>
      expect((await writer.send('PUT', 'products/early', { body: { name: 'x' } })).status).toBe(201),
    )
    await eventually(async () => expect((await ready()).status).toBe(200))
  })

  test('a document that others keep locked is 409 busy, and stays unchanged', async () => {
    await using writer = await openWriter(db.uri)
    await writer.send('PUT', 'products/busy', { body: { name: 'x' } })
    const locked = await db.lock('busy')
    const got = await writer.send('PUT', 'products/busy', { headers: ifMatch, body: { name: 'ours' } })
    await locked.release()
    expect(got.json).toMatchObject({
      status: 409,
      type: 'https://freshet.dev/problems/busy',
      retryable: true,
    })
    expect(await db.text('products', 'busy')).toContain('"x"')
  })

  test('writes beyond the limit are 503 at once, and slots are released again', async () => {
    await using writer = await openWriter(db.uri, { argv: ['--max-writes=1'] })
    const locked = await db.lock('busy')
    // A single command waits for the other transaction to end.
    const lenient = { prefer: 'handling=lenient' }
    const held = writer.send('PUT', 'products/busy', { headers: lenient, body: { name: 'held' } })
    await eventually(async () => expect(await writer.status()).toMatchObject({ inFlight: 1 }))
    const refused = await writer.send('PUT', 'products/other', { body: { name: 'x' } })
    expect(refused.json).toMatchObject({ status: 503, type: 'https://freshet.dev/problems/overloaded' })
    expect(refused.headers.get('retry-after')).toBe('1')
    await locked.release()
    expect((await held).status).toBe(200)
    expect((await writer.send('PUT', 'products/other', { body: { name: 'x' } })).status).toBe(201)
    const metrics = await (await fetch(`${writer.service.managementUrl}/metrics`)).text()
    expect(metrics).toMatch(/^freshet_writer_problems_total\{code="overloaded"\} 1$/m)
    expect(metrics).toMatch(/^freshet_writer_writes_total 2$/m)
  })

  test('a value that another unique index already has is 422, without revealing the other document', async () => {
    await using writer = await openWriter(db.uri)
    await db.makeUnique()
    const body = { name: 'only one', unique: true }
    expect((await writer.send('POST', 'products', { body })).status).toBe(201)
    const there = await writer.send('PUT', 'products/there', { body: { name: 'x' } })
    const lenient = { prefer: 'handling=lenient' }
    for (const [method, path, headers] of [
      ['POST', 'products', {}],
      ['PUT', 'products/second', {}],
      ['PUT', 'products/second', lenient],
      ['PUT', 'products/there', {}],
      ['PUT', 'products/there', ifMatch],
      ['PATCH', 'products/there', merge],
    ] as const) {
      const got = await writer.send(method, path, { headers, body })
      expect(got.json).toMatchObject({ status: 422, type: 'https://freshet.dev/problems/invalid-document' })
      expect(got.text).not.toMatch(/E11000|constraint|only one/)
      // This is a fact about another document, so it holds at a position.
      const at = String(got.headers.get('freshet-position'))
      expect(at >= String(there.headers.get('freshet-position'))).toBe(true)
      expect(at).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
    }
  })
}
