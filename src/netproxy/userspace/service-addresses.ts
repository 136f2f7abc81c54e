import type { RunTool } from '../run-tool.ts'
import { mustRun } from '../run-tool.ts'

/** The addresses of Services that this node holds on `lo`, so that a listener can be on them. */
export interface ServiceAddresses {
  /** Makes them exactly those. */
  hold(addresses: ReadonlySet<string>): Promise<void>
}

const label = 'lo:services'

export const serviceAddresses = (run: RunTool): ServiceAddresses => ({
  async hold(wanted) {
    const shown = await mustRun(run, 'ip', ['-4', '-o', 'addr', 'show', 'dev', 'lo', 'label', label])
    const now = new Set([...shown.matchAll(/inet (\S+)\/32/g)].map(match => match[1] ?? ''))
    const lines = [
      ...[...now].filter(address => !wanted.has(address)).map(address => `addr del ${address}/32 dev lo`),
      ...[...wanted]
        .filter(address => !now.has(address))
        .map(address => `addr add ${address}/32 dev lo label ${label}`),
    ]
    if (lines.length > 0) await mustRun(run, 'ip', ['-batch', '-'], `${lines.join('\n')}\n`)
  },
})
