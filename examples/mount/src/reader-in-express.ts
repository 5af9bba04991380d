import { readerHandler, type Reader } from '@freshet/reader'
import express, { type Express } from 'express'

/** An Express app that answers reads below `/data`. Express takes that off the URL, so the reader needs no prefix. */
export function readerInExpress(reader: Reader): Express {
  const app = express()
  app.use('/data', readerHandler(reader))
  app.get('/', (_request, response) => void response.send('my app'))
  return app
}
