import type { RunningProcess } from '../../core/pods/running-process.ts'
import type { ByteConnection } from '../../lib/byte-connection.ts'

/** A process that reads no input closes it: what comes later is thrown away. */
export const processInput = (connection: ByteConnection): RunningProcess['stdin'] => {
  let isClosed = false
  return {
    async write(bytes) {
      if (isClosed) return
      try {
        await connection.write(bytes)
      } catch {
        isClosed = true
      }
    },
    end() {
      connection.end()
    },
  }
}
