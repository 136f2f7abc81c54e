import type { Node } from '../../api/types.ts'
import { freePodRange } from '../../core/nodes/pod-ranges.ts'
import { keyOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController } from './controller.ts'
import { aboutObject } from './events.ts'

const component = 'node-ipam-controller'

/** Gives every node its range of pod addresses, once and for as long as it exists. */
export const podRangeController = (parts: ControllerParts): Controller => {
  const { objects, indexes, options, events } = parts
  const clusterCIDR = options.clusterCIDR ?? '10.64.0.0/11'
  const prefix = options.nodePrefix ?? 25
  let last: string | undefined

  return runController({
    name: 'pod-range',
    parts,
    // One at a time: the next node must see what this one took.
    workers: 1,
    run: async key => {
      const node = objects.get<Node>('Node', keyParts(key))
      if (node === undefined || hasRange(node)) return undefined
      const isTaken = (range: string): boolean => indexes.nodesByRange.of(range).length > 0
      const range = freePodRange({ clusterCIDR, prefix, after: last, isTaken })
      if (range === undefined) {
        events.record({
          about: aboutObject(node, 'v1', 'Node'),
          type: 'Warning',
          reason: 'CIDRNotAvailable',
          message: `No /${prefix} is left in ${clusterCIDR} for the pods of this node; remove nodes that are gone`,
          component,
        })
        return 60_000
      }
      await objects.modify<Node>(
        'Node',
        keyParts(key),
        now => (hasRange(now) ? undefined : { ...now, spec: { ...now.spec, podCIDR: range, podCIDRs: [range] } }),
        { fieldManager: component },
      )
      last = range
      return undefined
    },
    listen: queue => {
      last = highest(indexes.nodesByRange.keys())
      for (const node of indexes.nodesByRange.of('')) queue.add(keyOf(node))
      return [
        objects.onChange<Node>('Node', ({ name }, now) => {
          if (now !== undefined && !hasRange(now)) queue.add(name)
        }),
      ]
    },
  })
}

const hasRange = (node: Node): boolean => (node.spec?.podCIDR ?? '') !== ''

/** After a restart the search goes on behind the highest range that is held. */
const highest = (ranges: Iterable<string>): string | undefined => {
  const known = [...ranges].filter(range => range !== '')
  const number = (range: string): number => range.split(/[./]/).reduce((sum, part) => sum * 256 + Number(part), 0)
  return known.toSorted((a, b) => number(a) - number(b)).at(-1)
}
