/** The client went away before its request was complete, or was answered: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}
