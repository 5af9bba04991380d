/**
 * Runs an audit for each reader. `GET /audit?url=URL` starts one, `GET /take` ends all and returns what they found. Port 9001 is a reader
 * that lies: it changes the documents of the reader `LIAR_OF`.
 */
import { spawn } from 'node:child_process'
import { createServer, request } from 'node:http'

const audits = new Map()

function audit(url) {
  const args = ['dist/main.js', 'audit', '--json', '--for', '2h', '--reader-urls', url]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (texts.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (texts.err += text))
  const ended = new Promise((resolve) => child.on('close', (code) => resolve({ url, code, ...texts })))
  return { ended, end: () => child.kill('SIGINT') }
}

async function take() {
  const taken = [...audits.values()]
  audits.clear()
  for (const { end } of taken) end()
  return Promise.all(taken.map(({ ended }) => ended))
}

async function serve(asked, answer) {
  const url = new URL(asked.url, 'http://auditor')
  const reader = url.searchParams.get('url')
  if (reader !== null && !audits.has(reader)) audits.set(reader, audit(reader))
  answer.end(JSON.stringify(url.pathname === '/take' ? await take() : [...audits.keys()]))
}

createServer((asked, answer) => void serve(asked, answer)).listen(9000, '127.0.0.1')

createServer((asked, answer) => {
  const { method, url, headers } = asked
  const upstream = request(`${process.env.LIAR_OF}${url}`, { method, headers, agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (part) => (body += part))
    response.on('end', () => {
      answer.writeHead(response.statusCode, response.headers).end(body.replaceAll('"price":1', '"price":2'))
    })
  })
  upstream.on('error', () => answer.destroy()).end()
}).listen(9001, '127.0.0.1', () => console.log('listening'))
