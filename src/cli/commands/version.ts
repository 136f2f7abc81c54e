import { isFault } from '../../api/fault.ts'
import { version as ours } from '../../lib/version.ts'
import type { Command } from '../command.ts'
import { kubeOptions } from '../options.ts'
import { textAt } from '../shown.ts'

export const version: Command = {
  name: 'version',
  summary: 'the version of this program, and of the hub',
  usage: 'version [--client]',
  examples: [{ line: 'dunlin version', says: 'both versions' }],
  options: [...kubeOptions, { name: 'client', help: 'only this program' }],
  async run(of) {
    of.out.write(`dunlin ${ours} (Node ${process.versions.node}, ${process.platform}-${process.arch})\n`)
    if (of.isSet('client')) return 0
    try {
      const hub = await (await of.kube()).request('GET', '/version', { signal: of.signal })
      of.out.write(`hub ${textAt(hub, 'gitVersion') ?? '?'}\n`)
    } catch (error) {
      if (!isFault(error)) throw error
      of.out.note(`hub: ${error.message}`)
    }
    return 0
  },
}
