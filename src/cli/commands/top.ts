import { Fault } from '../../api/fault.ts'
import { parseQuantity } from '../../api/quantity.ts'
import type { Command } from '../command.ts'
import { common, kubeOptions } from '../options.ts'
import { listAt, textAt } from '../shown.ts'
import { formatTable } from '../table.ts'

export const top: Command = {
  name: 'top',
  summary: 'CPU and memory of nodes or pods, as they were last measured',
  usage: 'top nodes | top pods [-A]',
  examples: [
    { line: 'dunlin top nodes', says: 'usage of each device' },
    { line: 'dunlin top pods -A', says: 'usage of each pod of the fleet' },
  ],
  options: [...kubeOptions, common.allNamespaces, common.selector],
  async run(of) {
    const kube = await of.kube()
    const what = of.words[0] ?? ''
    if (/^(no|nodes?)$/.test(what)) {
      const [usage, nodes] = await Promise.all([
        kube.request('GET', '/apis/metrics.k8s.io/v1beta1/nodes', { signal: of.signal }),
        kube.request('GET', '/api/v1/nodes', { signal: of.signal }),
      ])
      const rows = listAt(nodes, 'items').map(node => {
        const name = textAt(node, 'metadata', 'name') ?? ''
        const found = listAt(usage, 'items').find(item => textAt(item, 'metadata', 'name') === name)
        const cpu = textAt(found, 'usage', 'cpu')
        const memory = textAt(found, 'usage', 'memory')
        return [
          name,
          cpu === undefined ? '<unknown>' : milli(cpu),
          share(cpu, textAt(node, 'status', 'allocatable', 'cpu')),
          memory === undefined ? '<unknown>' : mebi(memory),
          share(memory, textAt(node, 'status', 'allocatable', 'memory')),
        ]
      })
      of.out.write(formatTable([['NAME', 'CPU(cores)', 'CPU%', 'MEMORY(bytes)', 'MEMORY%'], ...rows]))
      return 0
    }
    if (!/^(po|pods?)$/.test(what)) throw new Fault('BadRequest', 'top of what? dunlin top nodes, or dunlin top pods')
    const namespace = of.text('namespace') ?? kube.namespace
    const isAll = of.isSet('all-namespaces')
    const path = `/apis/metrics.k8s.io/v1beta1${isAll ? '' : `/namespaces/${encodeURIComponent(namespace)}`}/pods`
    const usage = await kube.request('GET', path, { query: { labelSelector: of.text('selector') }, signal: of.signal })
    const rows = listAt(usage, 'items').map(item => {
      const sum = (resource: string): bigint =>
        listAt(item, 'containers').reduce<bigint>(
          (total, one) => total + nano(textAt(one, 'usage', resource) ?? '0'),
          0n,
        )
      const cells = [
        textAt(item, 'metadata', 'name') ?? '',
        `${sum('cpu') / 1_000_000n}m`,
        `${sum('memory') / 1_000_000_000n / 1_048_576n}Mi`,
      ]
      return isAll ? [textAt(item, 'metadata', 'namespace') ?? '', ...cells] : cells
    })
    of.out.write(formatTable([[...(isAll ? ['NAMESPACE'] : []), 'NAME', 'CPU(cores)', 'MEMORY(bytes)'], ...rows]))
    return 0
  },
}

const nano = (quantity: string): bigint => parseQuantity(quantity)
const milli = (quantity: string): string => `${nano(quantity) / 1_000_000n}m`
const mebi = (quantity: string): string => `${nano(quantity) / 1_000_000_000n / 1_048_576n}Mi`
const share = (used: string | undefined, of: string | undefined): string =>
  used === undefined || of === undefined || nano(of) === 0n ? '<unknown>' : `${(nano(used) * 100n) / nano(of)}%`
