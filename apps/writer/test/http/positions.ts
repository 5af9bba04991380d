import { expect, test } from '@jest/globals'
import type { OpenHttp } from '../support/http-database.ts'
import type { Got } from '../support/open-writer.ts'

function positionIn(got: Got): string {
  return String(got.headers.get('freshet-position')).slice(9)
}

export function testPositions({ writer }: OpenHttp): void {
  test('the position of an answer that wrote nothing is not before the state it describes', async () => {
    const made = await writer.send('PUT', 'products/still', { body: { name: 'a' } })
    const at = positionIn(made)
    const wrongTag = { 'if-match': '"AAAAAAAAAAAAAAAAAAAAAA"' }
    const answers = [
      await writer.send('PUT', 'products/still', { body: { name: 'a' } }),
      await writer.send('PUT', 'products/still', {
        headers: { prefer: 'handling=lenient' },
        body: { name: 'a' },
      }),
      await writer.send('POST', 'products', { body: { id: 'still', name: 'b' } }),
      await writer.send('PUT', 'products/still', { headers: wrongTag, body: { name: 'b' } }),
      await writer.send('DELETE', 'products/never'),
      await writer.send('DELETE', 'products/never', { headers: { 'if-match': '*' } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 412, 404, 412])
    for (const answer of answers) expect(positionIn(answer) >= at).toBe(true)
  })
}
