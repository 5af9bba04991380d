/** Answers what the bench asks a server: its port, or its memory after a collection. */
export function answerQuestions(listen: () => Promise<number>): void {
  process.on('message', (question: { readonly listen?: boolean }) => {
    if (question.listen) return void listen().then((port) => process.send?.({ port }))
    globalThis.gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send?.({ rss, heap: heapUsed, external })
  })
}
