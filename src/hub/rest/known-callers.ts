import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Caller } from '../identity/caller.ts'
import type { RestCounts } from './rest-counts.ts'

/** Who is at the door. @throws Fault Unauthorized */
export type Authenticate = (socket: TLSSocket, headers: IncomingHttpHeaders) => Caller | Promise<Caller>

export interface KnownCallers {
  /** @throws Fault Unauthorized */
  of(request: IncomingMessage): Promise<Caller>
  /** Ends the connections of callers that are no longer welcome. */
  drop(isUnwanted: (caller: Caller) => boolean): void
}

/** Who asks, remembered with its connection for as long as that is there. */
export const knownCallers = (parts: {
  readonly authenticate: Authenticate
  readonly counts: Pick<RestCounts, 'callers'>
  /** Told of a connection whose caller is known by name. */
  readonly proven: (socket: Duplex) => void
}): KnownCallers => {
  const callers = new Map<Duplex, Caller>()

  const judged = async (socket: TLSSocket, headers: IncomingHttpHeaders): Promise<Caller> => {
    let result: 'success' | 'anonymous' | 'failure' = 'failure'
    try {
      const caller = await parts.authenticate(socket, headers)
      result = caller.by === 'anonymous' ? 'anonymous' : 'success'
      return caller
    } finally {
      parts.counts.callers([result])
    }
  }

  return {
    async of(request) {
      const socket = request.socket as TLSSocket
      const caller = await judged(socket, request.headers)
      if (!callers.has(socket)) socket.once('close', () => callers.delete(socket))
      callers.set(socket, caller)
      if (caller.by !== 'anonymous') parts.proven(socket)
      return caller
    },
    drop(isUnwanted) {
      for (const [socket, caller] of callers) if (isUnwanted(caller)) socket.destroy()
    },
  }
}
