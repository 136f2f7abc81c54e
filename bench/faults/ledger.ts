import { isFault } from '../../src/api/fault.ts'
import type { KubeClient } from '../../src/cli/kube-client.ts'
import { at, listAt, textAt } from '../../src/cli/shown.ts'

/** A writer that never stops, and what the hub has acknowledged to it. */
export interface Ledger {
  /** The last number that was acknowledged for each name. */
  acknowledged(): ReadonlyMap<string, number>
  /** What the hub holds now. */
  found(): Promise<ReadonlyMap<string, number>>
  /** Forgets what was acknowledged since: a backup from then was restored. */
  goBackTo(earlier: ReadonlyMap<string, number>): void
  close(): Promise<void>
}

const names = 20
const folder = '/api/v1/namespaces/default/configmaps'

/**
 * Writes number after number into ConfigMaps `ledger-0` … `ledger-19`, one write under way at a time, and remembers
 * what was acknowledged. A write that fails may or may not be there.
 *
 * @example const ledger = startLedger({ kube: () => fleet.kube, everyMs: 100 })
 */
export const startLedger = (of: { readonly kube: () => KubeClient; readonly everyMs: number }): Ledger => {
  let acknowledged = new Map<string, number>()
  let isOver = false
  let epoch = 0
  const write = async (number: number): Promise<void> => {
    const name = `ledger-${number % names}`
    const began = epoch
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { number: String(number) } }
    const signal = AbortSignal.timeout(5000)
    const path = `${folder}/${name}`
    const patch = { body: { data: body.data }, contentType: 'application/merge-patch+json', signal }
    const kube = of.kube()
    await kube.request('PATCH', path, patch).catch(async error => {
      if (!isFault(error, 'NotFound')) throw error
      await kube.request('POST', folder, { body, signal })
    })
    if (began === epoch) acknowledged.set(name, number)
  }
  const writing = (async () => {
    for (let number = 1; !isOver; number += 1) {
      await write(number).catch(() => {
        // Not acknowledged: nothing is promised of it.
      })
      await new Promise(resolve => setTimeout(resolve, of.everyMs))
    }
  })()
  return {
    acknowledged: () => new Map(acknowledged),
    async found() {
      const list = await of.kube().request('GET', folder, { signal: AbortSignal.timeout(10_000) })
      return new Map(
        listAt(list, 'items')
          .filter(item => textAt(item, 'metadata', 'name')?.startsWith('ledger-'))
          .map(item => [textAt(item, 'metadata', 'name') ?? '', Number(at(item, 'data', 'number'))] as const),
      )
    },
    goBackTo(earlier) {
      acknowledged = new Map(earlier)
      epoch += 1
    },
    async close() {
      isOver = true
      await writing
    },
  }
}
