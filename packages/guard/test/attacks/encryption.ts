import { Binary, BSON, ClientEncryption, UUID } from 'mongodb'
import type { Document } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack, Target } from './attack.ts'

const key = (): Document => ({ _id: new UUID(), keyMaterial: new Binary(Buffer.alloc(96)), masterKey: {} })
const field = { path: 'a', bsonType: 'string', keyId: null }

/** The methods of the driver's class for keys; each is an ordinary write to the key collection. */
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
      // The class reports what was half done, and has the actual error as cause.
      .catch((error: Error) => Promise.reject(error.cause)),
  ),
]

/**
 * The unmodified class without its constructor, which requires a native package that computes the keys; these rows do
 * not justify that dependency. The results of the computation are made up; what is sent, and how, is the driver's.
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

/** A computation of the native package whose result is ready. */
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
