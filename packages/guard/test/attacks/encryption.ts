import { Binary, BSON, ClientEncryption, UUID } from 'mongodb'
import type { Document } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack, Target } from './attack.ts'

const key = (): Document => ({ _id: new UUID(), keyMaterial: new Binary(Buffer.alloc(96)), masterKey: {} })
const field = { path: 'a', bsonType: 'string', keyId: null }

/** The driver's class for keys, by its own methods; each is an ordinary write to the collection of the keys. */
export const encryption: readonly Attack[] = [
  attack('ClientEncryption.createDataKey', (target) => keysOf(target).createDataKey('local')),
  attack('ClientEncryption.deleteKey', (target) => keysOf(target).deleteKey(new UUID())),
  attack('ClientEncryption.addKeyAltName', (target) => keysOf(target).addKeyAltName(new UUID(), 'other')),
  attack('ClientEncryption.removeKeyAltName', (target) => keysOf(target).removeKeyAltName(new UUID(), 'a')),
  attack('ClientEncryption.rewrapManyDataKey', (target) =>
    keysOf(target).rewrapManyDataKey({}, { provider: 'local' }),
  ),
  attack('ClientEncryption.createEncryptedCollection', (target) =>
    keysOf(target)
      .createEncryptedCollection(target.db, 'made', {
        provider: 'local',
        createCollectionOptions: { encryptedFields: { fields: [field] } },
      })
      // The class tells what was half done, and keeps what stopped it as the cause.
      .catch((error: Error) => Promise.reject(error.cause)),
  ),
]

/**
 * The class as it is, without its constructor: that one wants a native package which computes the keys, and which would
 * be a dependency for the sake of these rows. What is computed is made up; what is sent of it, and how, is the driver's.
 */
function keysOf({ client, db }: Target): ClientEncryption {
  const made: unknown = Reflect.construct(Object, [], ClientEncryption)
  if (!(made instanceof ClientEncryption)) throw new Error('not the class')
  return Object.assign(made, {
    _client: client,
    _keyVaultClient: client,
    _keyVaultNamespace: `${db.databaseName}.keys`,
    _mongoCrypt: {
      makeDataKeyContext: () => new Computed(key()),
      makeRewrapManyDataKeyContext: () => new Computed({ v: [key()] }),
    },
  })
}

const READY = 5
const DONE = 6

/** A computation of the native package that is ready to give its result. */
class Computed {
  readonly status = { message: '' }
  readonly #result: Document
  state = READY

  constructor(result: Document) {
    this.#result = result
  }

  finalize(): Uint8Array {
    this.state = DONE
    return BSON.serialize(this.#result)
  }
}
