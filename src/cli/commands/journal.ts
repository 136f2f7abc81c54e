import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { nodeName, nodePath } from '../node-paths.ts'
import { kubeOptions } from '../options.ts'
import { timeMs } from '../wait.ts'

export const journal: Command = {
  name: 'journal',
  summary: 'a device’s own journal, or its agent’s log where it has none',
  usage: 'journal NODE [-f] [-u UNIT] [--since TIME] [--lines COUNT]',
  examples: [
    { line: 'dunlin journal barn', says: 'the last hundred lines' },
    { line: 'dunlin journal barn -f -u dunlin-agent', says: 'follow one unit of systemd' },
    { line: 'dunlin journal barn --since 2h', says: 'everything of the last two hours' },
  ],
  options: [
    ...kubeOptions,
    { name: 'follow', short: 'f', help: 'stay, and print what comes' },
    { name: 'unit', short: 'u', value: 'UNIT', help: 'only this unit of systemd' },
    { name: 'since', value: 'TIME', help: 'only what is newer, e.g. 10m' },
    { name: 'lines', value: 'COUNT', help: 'only so many from the end (default 100, with --since all)' },
  ],
  async run(of) {
    const kube = await of.kube()
    const [word, ...more] = of.words
    if (word === undefined || more.length > 0)
      throw new Fault('BadRequest', 'the journal of which node? For example: dunlin journal barn -f')
    const since = of.text('since')
    const answer = await kube.open('GET', nodePath(nodeName(word), 'journal'), {
      accept: '*/*',
      signal: of.signal,
      query: {
        follow: of.isSet('follow') ? true : undefined,
        unit: of.text('unit'),
        tailLines: of.text('lines'),
        sinceSeconds: since === undefined ? undefined : Math.ceil(timeMs(since, 'since') / 1000),
      },
    })
    try {
      for await (const chunk of answer) {
        of.out.write(chunk instanceof Uint8Array ? chunk : String(chunk))
        await of.out.drained()
      }
    } catch (error) {
      if (!of.signal.aborted) throw error
    }
    return 0
  },
}
