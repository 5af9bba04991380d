import { ABSENT, asDocuments, openReplica } from '@freshet/embed'

const replica = await openReplica({
  uri: process.env['MONGODB_URI'] ?? '',
  database: process.env['DATABASE'] ?? 'shop',
  collections: { products: 'string' },
  encoder: asDocuments,
})

const { values, at } = await replica.get('products', 'desk-oak')
const [desk = ABSENT] = values
if (desk === ABSENT) console.log('There is no desk-oak.')
else console.log(desk.document['_id'], 'costs', desk.document['price'], 'at position', at)

await replica.close()
