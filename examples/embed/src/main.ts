import { openBasket } from './basket.ts'

const { MONGODB_URI, DATABASE = 'shop', PORT = '7600' } = process.env
if (MONGODB_URI === undefined)
  throw new Error('expected MONGODB_URI: the address of a user who may only read')
const basket = await openBasket(MONGODB_URI, DATABASE)
basket.listen(Number(PORT), () => process.stdout.write(`http://127.0.0.1:${PORT}/?ids=a,b\n`))
