import { describeError, Fault } from '../../api/fault.ts'
import type { Log } from '../../lib/log.ts'
import { type DocumentName, documentPath, mostFetchBytes } from '../../wire/document.ts'

/**
 * Documents that were announced because they are too large for MQTT: fetched beside it, one of each at a time. While
 * one is fetched only the newest announcement waits. A failure is left to the hub, which announces again.
 */
export const announcedDocuments = (of: {
  /** @throws Fault when larger than `mostBytes` */
  readonly fetch: (path: string, mostBytes: number) => Promise<Uint8Array>
  /** Takes an envelope as if MQTT had brought it. */
  readonly take: (which: DocumentName, bytes: Uint8Array) => Promise<void>
  readonly log: Log
}) => {
  const wanted = new Map<DocumentName, string>()
  const fetching = new Set<DocumentName>()

  const fetchAll = async (which: DocumentName): Promise<void> => {
    for (let digest = wanted.get(which); digest !== undefined; digest = wanted.get(which)) {
      wanted.delete(which)
      const bytes = await of.fetch(documentPath(which, digest), mostFetchBytes)
      if (bytes.length > mostFetchBytes)
        throw new Fault('Malformed', `a document of ${bytes.length} bytes; at most ${mostFetchBytes} are read`)
      await of.take(which, bytes)
    }
  }

  return {
    want(which: DocumentName, digest: string): void {
      wanted.set(which, digest)
      if (fetching.has(which)) return
      fetching.add(which)
      void fetchAll(which)
        .catch(error => {
          const why = describeError(error)
          of.log.warn('a large document was not fetched; the hub announces it again', { which, why })
        })
        .finally(() => fetching.delete(which))
    },
  }
}
