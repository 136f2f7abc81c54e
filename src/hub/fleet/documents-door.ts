import { Fault } from '../../api/fault.ts'
import { type DocumentName, documentNames } from '../../wire/document.ts'
import { groups, nodeUser } from '../identity/caller.ts'
import type { Door } from '../rest/door.ts'

/**
 * Documents that are too large for MQTT: `GET /dunlin/v1/documents/<which>/<digest>`, for the node itself alone.
 * The answer is the same envelope that would have been published: sealed, signed and ordered.
 */
export const documentsDoor = (of: {
  /** The node's document as an envelope if it still has that digest. */
  readonly envelope: (node: string, which: DocumentName, digest: string) => Uint8Array | undefined
}): Door => ({
  prefix: '/dunlin/v1/documents',
  async handle(request) {
    const { caller } = request
    const node = caller.user.slice(nodeUser('').length)
    if (caller.by !== 'certificate' || !caller.groups.includes(groups.nodes) || caller.user !== nodeUser(node))
      throw new Fault('Forbidden', `"${caller.user}" may not fetch documents: only a node may, and only its own`, {
        user: caller.user,
      })
    if (request.method !== 'GET')
      throw new Fault('MethodNotAllowed', `documents are read with GET, not ${request.method}`)
    const [which, digest = '', ...rest] = request.path.slice('/dunlin/v1/documents/'.length).split('/')
    const known = documentNames.find(name => name === which)
    const bytes = known === undefined || rest.length > 0 ? undefined : of.envelope(node, known, digest)
    if (bytes === undefined)
      throw new Fault('NotFound', 'there is no such document for this node now; a newer one is announced by MQTT', {
        node,
      })
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: bytes }
  },
})
