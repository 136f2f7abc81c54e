import type { KeyObject } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import { type DocumentName, mostDocumentBytes, mostFetchBytes, mostMessageBytes } from '../../wire/document.ts'
import { type DeflatedText, deflateText, type EnvelopeToWrite, signerOf, writeEnvelope } from '../../wire/envelope.ts'
import { keyId } from '../../wire/envelope-header.ts'
import type { Held } from '../../wire/payloads.ts'
import type { Rendered } from './rendered.ts'

/** The keys of a node that may speak. */
export interface NodeKeys {
  readonly uid: string
  /** X25519 */
  readonly sealPublicKey: KeyObject
  /** Ed25519 */
  readonly signPublicKey: KeyObject
}

export interface HubEnvelopes {
  /** For one node, sealed to it. @throws Fault NotFound when it has no keys (any more) */
  toNode(
    node: string,
    topic: string,
    text: string | DeflatedText,
    change?: { readonly session?: string; readonly held?: Held },
  ): Buffer
  /** A document as it is published: whole, or announced where it is too large for MQTT. */
  document(node: string, which: DocumentName, wanted: Held, rendered: Rendered): Buffer
  /** A document whole, however large. */
  wholeDocument(node: string, which: DocumentName, wanted: Held, rendered: Rendered): Buffer
  /** For all nodes, in clear. */
  toAll(text: string): Buffer
}

/** Everything that this hub says, signed with its key and in its reign. */
export const hubEnvelopes = (of: {
  readonly fleet: string
  readonly signing: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly nodeKeys: (node: string) => NodeKeys | undefined
  readonly incarnation: number
  readonly term: number
  readonly clock: Clock
}): HubEnvelopes => {
  const signer = signerOf(keyId(of.signing.publicKey), of.signing.privateKey)

  const write = (message: Pick<EnvelopeToWrite, 'audience' | 'topic' | 'text' | 'sealTo'> & Partial<EnvelopeToWrite>) =>
    writeEnvelope(
      {
        direction: 'down',
        fleet: of.fleet,
        tuple: { incarnation: of.incarnation, revision: 0, term: of.term },
        session: '',
        issuedAt: of.clock.now(),
        notAfter: 0,
        ...message,
      },
      signer,
    )

  const toNode: HubEnvelopes['toNode'] = (node, topic, text, { session = '', held } = {}) => {
    const keys = of.nodeKeys(node)
    if (keys === undefined) throw new Fault('NotFound', `node "${node}" has no keys: it was removed`, { node })
    return write({
      audience: keys.uid,
      topic,
      text,
      sealTo: keys.sealPublicKey,
      session,
      ...(held && { tuple: held.tuple }),
    })
  }

  /** The nodes of a site share one rendering, which is deflated once. Goes with the rendering. */
  const bodies = new WeakMap<Rendered, DeflatedText>()
  const bodyOf = (rendered: Rendered): DeflatedText => {
    const body =
      bodies.get(rendered) ?? deflateText(`{"format":1,"digest":"${rendered.digest}","document":${rendered.text}}`)
    bodies.set(rendered, body)
    return body
  }

  const wholeDocument: HubEnvelopes['wholeDocument'] = (node, which, held, rendered) =>
    toNode(node, `d/${which}`, bodyOf(rendered), { held })

  return {
    toNode,
    wholeDocument,
    document(node, which, held, rendered) {
      const bytes = wholeDocument(node, which, held, rendered)
      if (bytes.length <= mostMessageBytes) return bytes
      if (bytes.length > mostFetchBytes || rendered.text.length > mostDocumentBytes)
        throw new Fault(
          'RequestEntityTooLarge',
          `d/${which} of node "${node}" has ${rendered.text.length} bytes (${bytes.length} as sent); at most ${mostDocumentBytes} (${mostFetchBytes}) can be: bind fewer or smaller ConfigMaps and Secrets`,
          { node, which },
        )
      const announced = JSON.stringify({ format: 1, digest: held.digest, fetchBytes: bytes.length })
      return toNode(node, `d/${which}`, announced, { held })
    },
    toAll: text => write({ audience: '*', topic: 'b/hub', text }),
  }
}
