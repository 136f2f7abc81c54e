import type { KeyObject } from 'node:crypto'
import type { Signer } from '../../wire/envelope.ts'
import { writeEnvelope } from '../../wire/envelope.ts'
import type { UpTopics } from '../../wire/topics.ts'

/** Who this node is on the wire, and whom it believes. */
export interface LinkIdentity {
  readonly node: string
  readonly uid: string
  readonly fleetId: string
  /** The node's Ed25519 key; `id` as envelope-header.ts names keys. */
  readonly signer: Signer
  /** Opens what was sealed to the node's X25519 key (see seal.ts). */
  openSealed(sealed: Uint8Array, context: Uint8Array): Uint8Array
  /** The hub's Ed25519 key of that id, where it is trusted: pinned at enrolment, or rotated since. */
  hubKey(id: string): KeyObject | undefined
}

export interface UpMessage {
  readonly identity: LinkIdentity
  /** As the hub named it in its answer to hello; '' before. */
  readonly session: string
  /** Grows with every message of a session. */
  readonly sequence: number
  /** Milliseconds since 1970; the hub does not rely on it. */
  readonly now: number
}

/** @example await bus.publish('u/hello', upMessage({ identity, session: '', sequence: 0, now }, 'u/hello', hello)) */
export const upMessage = <Topic extends keyof UpTopics>(of: UpMessage, topic: Topic, body: UpTopics[Topic]): Buffer =>
  writeEnvelope(
    {
      direction: 'up',
      fleet: of.identity.fleetId,
      audience: of.identity.uid,
      topic,
      tuple: { incarnation: 0, revision: of.sequence, term: 0 },
      session: of.session,
      issuedAt: of.now,
      notAfter: 0,
      text: JSON.stringify(body),
    },
    of.identity.signer,
  )

/** The message that the broker publishes when this connection breaks, or the first one on it. */
export const liveMessage = (of: {
  readonly identity: LinkIdentity
  readonly connection: number
  readonly up: boolean
  readonly now: number
}): Buffer =>
  upMessage({ identity: of.identity, session: '', sequence: 0, now: of.now }, 'u/live', {
    format: 1,
    connection: of.connection,
    up: of.up,
  })
