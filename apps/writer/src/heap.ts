import { serviceOptions } from '@freshet/service/options'
import type { HeapRule } from '@freshet/service/start'

/** The heap of a writer: 64 MiB, and 100 times the largest body, which is what its parsed form may take. */
export const writerHeap: HeapRule = {
  options: [serviceOptions.maxBodyBytes],
  heapBytes: ([maxBodyBytes = 0]) => 64 * 2 ** 20 + 100 * maxBodyBytes,
}
