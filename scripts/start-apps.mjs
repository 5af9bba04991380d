/**
 * Starts the built programs on the Node.js that runs this script, writes one document and reads it back. `node
 * scripts/start-apps.mjs 24` exits with 1 on any version except 24. For CI, whose tests run on the oldest supported
 * Node.js.
 */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const [wanted] = process.argv.slice(2)
assert.equal(process.versions.node.split('.')[0], wanted, `this is Node ${process.versions.node}`)

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = ['--json', '--port=0', '--ephemeral', '--no-sample', '--readers=1', '--deliveries=1']
// It starts the services on the same Node.js.
const dev = spawn(process.execPath, [join(root, 'apps/cli/dist/main.js'), 'dev', ...options], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = once(dev, 'exit')
try {
  const line = await Promise.race([
    once(createInterface({ input: dev.stdout }), 'line').then(([text]) => JSON.parse(text)),
    ended.then(([code]) => assert.fail(`it ended with ${code} before it was ready`)),
  ])
  const { writer, token } = line
  const document = { name: 'Kettle', price: 12.5, stock: 3 }
  const written = await fetch(`${writer}/v1/products`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(document),
  })
  assert.equal(written.status, 201)
  const read = await fetch(`${line.readers[0]}${written.headers.get('location')}`, {
    headers: { 'freshet-at-least': written.headers.get('freshet-position') },
  })
  assert.equal(read.status, 200)
  const { id, ...rest } = await read.json()
  assert.deepEqual([typeof id, rest], ['string', document])
} finally {
  dev.kill('SIGINT')
}
const [code] = await ended
assert.equal(code, 0)
console.log(`Node ${process.versions.node}: written and read`)
