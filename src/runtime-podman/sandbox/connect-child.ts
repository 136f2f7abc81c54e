import { connect } from 'node:net'
import { numberOf, objectOf } from '../parse.ts'

/*
 * A process of its own inside a pod's network namespace: it connects where it is told and hands the socket to its
 * parent, which then talks to the pod itself. Leaves when the parent does.
 */
process.on('message', message => {
  const asked = objectOf(message, 'what the parent asks')
  const id = numberOf(asked['id'], 'the number of a connection')
  const port = numberOf(asked['port'], 'a port')
  attempt(['127.0.0.1', '::1'], port, (error, socket) => {
    if (socket === undefined) process.send?.({ id, error })
    else process.send?.({ id }, socket)
  })
})
process.on('disconnect', () => process.exit(0))

const attempt = (
  hosts: readonly string[],
  port: number,
  done: (error: string, socket?: ReturnType<typeof connect>) => void,
): void => {
  const [host, ...others] = hosts
  const socket = connect({ host: host ?? '127.0.0.1', port, allowHalfOpen: true })
  // Nothing of it may be read here: it is the parent's.
  socket.pause()
  socket.once('connect', () => done('', socket))
  socket.once('error', error => {
    if (others.length > 0) attempt(others, port, (_later, found) => done(error.message, found))
    else done(error.message)
  })
}
