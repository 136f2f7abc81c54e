import type { Event, Node } from '../../api/types.ts'
import { type Cause, cause, type Explanation } from './cause.ts'

/** What each condition of a node means for its owner, and what mends it. */
const meanings: Record<string, { readonly means: string; readonly mend: string }> = {
  MemoryPressure: {
    means: 'its memory is nearly used up',
    mend: 'give its pods memory limits, or move some to another node',
  },
  DiskPressure: {
    means: 'its disk is nearly full',
    mend: 'remove what fills it; unused images are collected by the agent itself',
  },
  PIDPressure: { means: 'it runs too many processes', mend: 'find the pod that starts them with "dunlin top pods"' },
  NetworkUnavailable: { means: 'its pod network is not in place', mend: 'run "dunlin doctor" on the device' },
  UnderVoltage: { means: 'its power supply is too weak', mend: 'use a stronger supply and a short cable' },
  Throttled: {
    means: 'its processor is slowed down by heat or a weak supply',
    mend: 'cool it, or use a stronger supply',
  },
  BoardChanged: {
    means: 'its card is in another board than the one that joined',
    mend: 'put it back; or say that it is meant: "dunlin node accept NAME"',
  },
  HighTemperature: {
    means: 'its processor is hot',
    mend: 'cool it: a heat sink, a fan, or a place out of the sun',
  },
  CardWorn: {
    means: 'its card is near the end of its life',
    mend: 'copy it to a new card before it fails',
  },
  MemoryCgroupMissing: {
    means: 'its kernel enforces no memory limits',
    mend: 'add cgroup_enable=memory to cmdline.txt and restart it',
  },
}

/** Explains a node from its own conditions and events. `now` in ms. */
export const whyNode = (of: {
  readonly node: Node
  readonly events: readonly Event[]
  readonly now: number
}): Explanation => {
  const { node } = of
  const name = node.metadata.name ?? ''
  const causes = [...readiness(node), ...pressures(node), ...scheduling(node)]
  const warnings = of.events
    .filter(event => event.type === 'Warning')
    .slice(-3)
    .map(event => cause(`the node told: ${event.reason}: ${event.message}`))
  if (causes.length === 0) return { isWell: true, says: `node ${name} is well`, causes: [] }
  return { isWell: false, says: `node ${name} is not well`, causes: [...causes, ...warnings] }
}

const readiness = (node: Node): readonly Cause[] => {
  const ready = node.status?.conditions?.find(one => one.type === 'Ready')
  if (ready === undefined)
    return [
      cause(
        'it has never reported since it joined',
        [],
        'see that the agent runs on the device: "systemctl status dunlin-agent", then "dunlin doctor" there',
      ),
    ]
  if (ready.status === 'True') return []
  const since = ready.lastTransitionTime === undefined ? '' : ` since ${ready.lastTransitionTime}`
  if (ready.status === 'Unknown') {
    return [
      cause(
        `the hub has not heard from it${since}`,
        ready.message === undefined || ready.message === '' ? [] : [cause(ready.message)],
        'look at its power and its network; its pods go on running meanwhile, and it connects by itself',
      ),
    ]
  }
  return [cause(`it says itself that it is not ready${since}: ${ready.message ?? ready.reason ?? 'no reason given'}`)]
}

const pressures = (node: Node): readonly Cause[] =>
  (node.status?.conditions ?? [])
    .filter(one => one.type !== 'Ready' && one.status === 'True')
    .map(one => {
      const meaning = meanings[one.type]
      return cause(
        `${meaning?.means ?? one.type}${one.message === undefined || one.message === '' ? '' : ` (${one.message})`}`,
        [],
        meaning?.mend,
      )
    })

const scheduling = (node: Node): readonly Cause[] =>
  node.spec?.unschedulable === true
    ? [cause('it is cordoned: it gets no new pods', [], `dunlin uncordon ${node.metadata.name ?? ''}`)]
    : []
