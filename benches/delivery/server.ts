/** Answers what the bench asks a server: its port, or its memory after a collection. */
export function answerQuestions(listen: () => Promise<number>): void {
  // With `--cpu-prof`, Node.js writes the profile when it exits by itself.
  process.once('SIGTERM', () => process.exit())
  process.on('message', (question: { readonly listen?: boolean }) => {
    if (question.listen) return void listen().then((port) => process.send?.({ port }))
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send?.({ rss, heap: heapUsed, external })
  })
}
