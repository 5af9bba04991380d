/// <reference path="../../../../../types/mongodb-connection.d.ts" />
import type { Socket } from 'node:net'
import { Connection } from 'mongodb/lib/cmap/connection.js'

/**
 * A connection whose writes settle when its socket is gone. While a socket is full, the driver waits for its `drain`
 * alone (mongodb 7.9, `Connection.writeCommand`): where the socket ends without an error, as after `socketTimeoutMS`,
 * that wait is for ever; where there is one, the caller gets the error of Node.js, which the driver takes for no failure
 * of the network. Woken, it goes on to its own error, which says what happened.
 */
export class SettlingConnection extends Connection {
  constructor(socket: Socket, options: unknown) {
    super(socket, options)
    // Behind the driver's own listeners: it knows by now that the connection is no more.
    const wake = (): void => void socket.emit('drain')
    socket.on('error', wake).on('close', wake)
    // While a message was being compressed, the socket may have gone: who waits from then on has missed both.
    socket.on('newListener', (event: unknown) => {
      if (event === 'drain' && socket.destroyed) process.nextTick(wake)
    })
  }
}
