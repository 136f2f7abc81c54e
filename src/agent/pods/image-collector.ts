import { describeError } from '../../api/fault.ts'
import type { MachineReading } from '../../core/nodes/machine.ts'
import type { ObservedImage, PodRuntime } from '../../core/pods/runtime.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Desired } from './desired.ts'
import type { Images } from './images.ts'
import type { NeededImages } from './needed-images.ts'

/** Removes images that nothing needs, when the disk is full. */
export interface ImageCollector {
  /** To be called with every look at the machine. Nothing happens before everything was looked at once. */
  looked(reading: MachineReading): void
}

/** Disk in use above which images are collected, and below which it ends. k8s: 85 and 80 %. */
const collectAbove = 0.85
const collectBelow = 0.8
/** What could not be freed is not tried again at every look. */
const collectEveryMs = 300_000

export const imageCollector = (of: {
  readonly runtime: Pick<PodRuntime, 'observe'>
  readonly images: Images
  readonly needed: NeededImages
  /** Undefined while it is not known what must stay. */
  readonly desired: () => Desired | undefined
  readonly readMachine: () => Promise<MachineReading>
  readonly onChange: () => void
  readonly clock: Clock
  readonly log: Log
}): ImageCollector => {
  const { clock, log } = of
  let collectedAtMs = Number.NEGATIVE_INFINITY

  const collect = async (isNeeded: (image: ObservedImage) => boolean): Promise<void> => {
    const hasRoom = async (): Promise<boolean> => usedShare(await of.readMachine()) < collectBelow
    const removed = await of.images.collect({ isNeeded, hasRoom })
    if (removed.length > 0) log.info('images were removed to free disk', { removed })
    of.onChange()
  }

  return {
    looked(reading) {
      const desired = of.desired()
      if (desired === undefined || usedShare(reading) < collectAbove) return
      if (clock.monotonic() - collectedAtMs < collectEveryMs) return
      collectedAtMs = clock.monotonic()
      of.runtime
        .observe()
        .then(observed => collect(of.needed.needed(desired, observed)))
        .catch((error: unknown) => log.warn('images could not be collected', { why: describeError(error) }))
    },
  }
}

const usedShare = ({ disk }: MachineReading): number => 1 - disk.availableBytes / Math.max(1, disk.totalBytes)
