/** The client disconnected before its request was complete or answered. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}
