/** A frame or command that is not of the protocol; the connection is closed with 3501. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault'
}
