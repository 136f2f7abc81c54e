import type { KeyObject } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Caller } from './caller.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'

/** Who devices and callers are: what the doors, the broker and the fleet ask. Answers come from memory. */
export interface Identity {
  /**
   * Who is on a TLS connection (requestCert, not rejectUnauthorized), by its client certificate, else by the bearer
   * token of `headers`, else nobody: `system:anonymous`. The broker calls it without headers at every connect.
   * A node that this hub does not know but whose certificate holds is taken back (the hub was restored from a backup).
   *
   * @throws Fault Unauthorized that says why a certificate or token is not accepted: another CA, ended, revoked, …
   */
  authenticate(socket: TLSSocket, headers?: IncomingHttpHeaders): Caller
  /** A device that has joined and was not removed. */
  node(name: string): NodeIdentity | undefined
  nodes(): readonly NodeIdentity[]
  /** @param fingerprint SHA-256 of the certificate, lower-case hex */
  isRevoked(fingerprint: string): boolean
  /**
   * Certificates of a user (`system:node:attic`, `eve`) were revoked: a node was removed, its name moved to another board,
   * a user was removed. End their connections.
   */
  onShutOut(listener: (user: string) => void): () => void
  readonly serviceAccounts: ServiceAccountTokens
}

/** What the wire needs of a node. */
export interface NodeIdentity {
  readonly name: string
  /** The audience of its envelopes. Stays the same for as long as the name is that device's. */
  readonly uid: string
  /** Ed25519: verifies what it says. */
  readonly signingKey: KeyObject
  /** X25519: what is for its eyes only is sealed to it. */
  readonly sealingKey: KeyObject
  readonly allowShell: boolean
}
