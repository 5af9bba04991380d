import { openStockWatch } from './stock-watch.ts'

const { POSTGRES_URI, DATABASE = 'shop' } = process.env
if (POSTGRES_URI === undefined)
  throw new Error('expected POSTGRES_URI: the address of a user who may only read')
const watch = await openStockWatch(POSTGRES_URI, DATABASE, (id, stock) =>
  console.log(id, 'has', stock, 'left'),
)
console.log(await watch.valueOf(['lamp', 'chair']))
process.once('SIGINT', () => void watch[Symbol.asyncDispose]())
