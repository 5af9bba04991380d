/** A process of clients: many raw web-sockets that count what they receive, and see when. */
import { Clients, type ClientsQuestion } from './clients.ts'

const clients = new Clients()
process.on('message', (question: ClientsQuestion) => {
  void clients.answer(question).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      throw error
    },
  )
})
