import { Duplex } from 'node:stream'
import type { ByteStream } from '../ports.ts'

/** A stream of ours as Node's own, for its HTTP and TLS. */
export const byteDuplex = (stream: ByteStream): Duplex => {
  const chunks = stream.incoming[Symbol.asyncIterator]()
  return new Duplex({
    allowHalfOpen: true,
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        error => this.destroy(error),
      )
    },
    write(chunk: Uint8Array, _encoding, done) {
      stream.write(chunk).then(() => done(), done)
    },
    final(done) {
      stream.end()
      done()
    },
    destroy(error, done) {
      stream.reset(error?.message ?? 'closed')
      done(error)
    },
  })
}
