import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { kubeOptions } from '../options.ts'
import { at, listAt, textAt } from '../shown.ts'
import { ageText, formatTable } from '../table.ts'

export const nodes: Command = {
  name: 'nodes',
  summary: 'list the devices of the fleet, or take one out of it',
  usage: 'nodes [list] | nodes remove NAME…',
  examples: [
    { line: 'dunlin nodes', says: 'all devices, with what troubles them' },
    { line: 'dunlin nodes remove barn', says: 'revoke its certificate and forget it; its pods are made elsewhere' },
  ],
  options: [...kubeOptions],
  async run(of) {
    const kube = await of.kube()
    const [verb = 'list', ...names] = of.words
    if (verb === 'remove') {
      if (names.length === 0) throw new Fault('BadRequest', 'remove which node? For example: dunlin nodes remove barn')
      for (const name of names) {
        await kube.request('DELETE', `/dunlin/v1/nodes/${encodeURIComponent(name)}`, { signal: of.signal })
        of.out.write(`node "${name}" removed\n`)
      }
      return 0
    }
    if (verb !== 'list') throw new Fault('BadRequest', `nodes "${verb}" is not known; there are: list, remove`)
    const list = await kube.request('GET', '/api/v1/nodes', { signal: of.signal })
    const rows = listAt(list, 'items').map(node => {
      const conditions = listAt(node, 'status', 'conditions')
      const ready = conditions.find(one => at(one, 'type') === 'Ready')
      const troubles = conditions
        .filter(one => at(one, 'type') !== 'Ready' && at(one, 'status') === 'True')
        .map(one => textAt(one, 'type') ?? '')
      const status =
        at(ready, 'status') === 'True' ? 'Ready' : at(ready, 'status') === 'Unknown' ? 'Unknown' : 'NotReady'
      return [
        textAt(node, 'metadata', 'name') ?? '',
        [status, ...(at(node, 'spec', 'unschedulable') === true ? ['SchedulingDisabled'] : [])].join(','),
        textAt(node, 'metadata', 'labels', 'dunlin.io/site') ?? 'default',
        textAt(node, 'status', 'nodeInfo', 'architecture') ?? '<unknown>',
        listAt(node, 'status', 'addresses').find(one => at(one, 'type') === 'InternalIP') === undefined
          ? '<none>'
          : (textAt(
              listAt(node, 'status', 'addresses').find(one => at(one, 'type') === 'InternalIP'),
              'address',
            ) ?? ''),
        ageText(textAt(node, 'metadata', 'creationTimestamp'), of.now()),
        troubles.join(',') || (status === 'Ready' ? '' : (textAt(ready, 'message') ?? '')),
      ]
    })
    if (rows.length === 0)
      of.out.note('No devices yet. "dunlin join-token create" makes the token with which one joins.')
    else of.out.write(formatTable([['NAME', 'STATUS', 'SITE', 'ARCH', 'ADDRESS', 'AGE', 'TROUBLES'], ...rows]))
    return 0
  },
}
