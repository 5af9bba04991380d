import { writerRouter, type Writer } from '@freshet/writer'
import express, { type Express } from 'express'

/** An Express app with its own routes that accepts writes below `/data`. */
export function writerInExpress(writer: Writer): Express {
  const app = express()
  app.get('/', (_request, response) => void response.send('my app'))
  // Before anything that reads bodies: the writer reads them itself, within its limits.
  app.use('/data', writerRouter(writer))
  app.use(express.json())
  app.post('/echo', (request, response) => void response.json(request.body))
  return app
}
