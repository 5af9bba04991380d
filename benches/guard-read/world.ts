/** What all processes read, and how. */
import { orderOf } from '../shared/documents.ts'

export const database = 'shop'
export const collection = 'orders'

const ids = Array.from({ length: 1_000 }, (_, index) => `order-${String(index).padStart(30, '0')}`)
const atOnce = 16

/** A reading process receives the address once, then how often to read. */
interface Question {
  readonly uri?: string
  readonly reads?: number
}

export const documents = ids.map((id) => orderOf(id))

/** Reads one document as bytes. */
export type ReadOne = (id: string) => Promise<readonly Uint8Array[]>

/** CPU time of this process per read, in microseconds. */
async function cost(reads: number, readOne: ReadOne): Promise<number> {
  let begun = 0
  const began = process.cpuUsage()
  const run = async (): Promise<void> => {
    while (begun < reads) {
      const [document] = await readOne(ids[begun++ % ids.length] ?? '')
      if (document === undefined || document.length < 300) throw new Error('expected the document')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, run))
  const { user, system } = process.cpuUsage(began)
  return (user + system) / reads
}

/** The command for one read. */
export function findOne(id: string): {
  readonly find: string
  readonly filter: { readonly _id: string }
  readonly limit: 1
  readonly singleBatch: true
} {
  return { find: collection, filter: { _id: id }, limit: 1, singleBatch: true }
}

/** Answers the benchmark's requests. */
export function serve(open: (uri: string) => Promise<ReadOne>): void {
  let readOne: ReadOne | undefined
  const answer = async ({ uri, reads }: Question): Promise<unknown> => {
    if (uri !== undefined) readOne = await open(uri)
    return readOne && reads !== undefined ? await cost(reads, readOne) : {}
  }
  process.on('message', (question: Question) => void answer(question).then((value) => process.send?.(value)))
}
