import type { HeapRule } from '@freshet/service/start'
import { deliveryOptions } from './options.ts'

const { ringBytes, socketBytes, eventBytes } = deliveryOptions

/** The heap of a delivery: the messages for recovery, what may wait for clients, and 300 MiB for 10,000 clients. */
export const deliveryHeap: HeapRule = {
  options: [ringBytes, socketBytes, eventBytes],
  heapBytes: (buffers) => buffers.reduce((sum, each) => sum + each, 300 * 2 ** 20),
}
