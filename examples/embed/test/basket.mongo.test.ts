import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { openBasket } from '../src/basket.ts'

test('the basket adds up prices at one position and reflects every change', async () => {
  await using db = await openTestDatabase()
  const products = db.admin.db(db.database).collection<{ _id: string; price: number }>('products')
  await products.insertMany([
    { _id: 'lamp', price: 20 },
    { _id: 'chair', price: 50 },
  ])
  const basket = await openBasket(db.uriFor('reader'), db.database)
  basket.listen(0, '127.0.0.1')
  await once(basket, 'listening')
  const address = basket.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  const ask = async (ids: string): Promise<unknown> =>
    await (await fetch(`http://127.0.0.1:${address.port}/?ids=${ids}`)).json()
  expect(await ask('lamp,chair,nothing')).toMatchObject({ total: 70 })
  await products.updateOne({ _id: 'lamp' }, { $set: { price: 30 } })
  await eventually(async () => expect(await ask('lamp,chair')).toMatchObject({ total: 80 }))
  basket.closeAllConnections()
  basket.close()
  await once(basket, 'close')
})

test('a user with write privileges is refused', async () => {
  await using db = await openTestDatabase()
  await expect(openBasket(db.uriFor('writer'), db.database)).rejects.toMatchObject({ code: 'PRIVILEGE' })
})
