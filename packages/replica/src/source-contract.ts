export type * from '../../change-stream/src/contract.ts'
