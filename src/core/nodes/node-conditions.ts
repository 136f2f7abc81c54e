import type { NodeCondition } from '../../api/types.ts'
import { isUnderVoltage } from './board.ts'
import { tellsWear, wornWhy } from './card.ts'
import type { MachineReading } from './machine.ts'
import { keptMemoryBytes } from './node-resources.ts'

export interface NodeFindings {
  readonly machine: MachineReading
  /** Why the container engine does not answer. */
  readonly engineTrouble: string | undefined
  readonly hasObserved: boolean
  /** Why pods cannot be attached to the pod network; undefined when they can. */
  readonly networkTrouble: string | undefined
  /** What else is not well with it: a peer, a name server, a foreign firewall. */
  readonly networkFlaws: readonly string[]
  /** RFC 3339 */
  readonly now: string
}

/** Above this a Pi's own firmware begins to slow it down. */
const hotCelsius = 80

/**
 * The conditions of a node, each with its reason; `before` keeps the times of their last change.
 * The first five are Kubernetes' own; those of the board are told only where the machine can say it.
 */
export const nodeConditions = (of: NodeFindings, before: readonly NodeCondition[]): readonly NodeCondition[] =>
  findings(of).map(({ type, isTrue, reason, message }) => {
    const status = isTrue ? 'True' : 'False'
    const last = before.find(one => one.type === type)
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: of.now,
      lastTransitionTime: last?.status === status ? last.lastTransitionTime : of.now,
    }
  })

/** Conditions that the agent tells only where the board can say them: one that is told no more has gone. */
export const boardConditionTypes: readonly string[] = [
  'MemoryCgroupMissing',
  'UnderVoltage',
  'Throttled',
  'CardWorn',
  'HighTemperature',
]

interface Finding {
  readonly type: string
  readonly isTrue: boolean
  readonly reason: string
  readonly message: string
}

const finding = (
  type: string,
  isTrue: boolean,
  yes: readonly [string, string],
  no: readonly [string, string],
): Finding => ({ type, isTrue, reason: isTrue ? yes[0] : no[0], message: isTrue ? yes[1] : no[1] })

const findings = (of: NodeFindings): readonly Finding[] => {
  const { machine, networkFlaws } = of
  const { disk, memory, pids } = machine
  const lowMemory = memory.availableBytes < keptMemoryBytes(memory.totalBytes)
  const lowDisk =
    disk.availableBytes < disk.totalBytes * 0.1 || (disk.inodes > 0 && disk.freeInodes < disk.inodes * 0.05)
  const lowPids = pids.inUse > pids.most * 0.9
  const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`
  const notReady = of.engineTrouble ?? (of.hasObserved ? undefined : 'the container engine has not answered yet')
  return [
    finding(
      'Ready',
      notReady === undefined,
      ['KubeletReady', 'the agent runs and the container engine answers'],
      ['ContainerRuntimeNotReady', notReady ?? ''],
    ),
    finding(
      'MemoryPressure',
      lowMemory,
      ['KubeletHasInsufficientMemory', `only ${mebibytes(memory.availableBytes)} of memory are available`],
      ['KubeletHasSufficientMemory', 'enough memory is available'],
    ),
    finding(
      'DiskPressure',
      lowDisk,
      ['KubeletHasDiskPressure', `only ${mebibytes(disk.availableBytes)} or ${disk.freeInodes} inodes are free`],
      ['KubeletHasNoDiskPressure', 'enough disk is free'],
    ),
    finding(
      'PIDPressure',
      lowPids,
      ['KubeletHasInsufficientPID', `${pids.inUse} of ${pids.most} process ids are in use`],
      ['KubeletHasSufficientPID', 'enough process ids are free'],
    ),
    finding(
      'NetworkUnavailable',
      of.networkTrouble !== undefined,
      ['PodNetworkNotReady', of.networkTrouble ?? ''],
      ['PodNetworkReady', 'pods can be attached'],
    ),
    // Not a reason to keep pods away: the scheduler looks at NetworkUnavailable alone.
    finding(
      'NetworkDegraded',
      networkFlaws.length > 0,
      ['PartOfNetworkNotWell', networkFlaws.join('; ')],
      ['NetworkWhole', 'Services, names and peers are as they should be'],
    ),
    ...boardFindings(machine),
  ]
}

const boardFindings = (machine: MachineReading): readonly Finding[] => {
  const { throttled, temperatureCelsius: celsius } = machine
  const lacksVoltage = isUnderVoltage(machine)
  const worn = machine.cards.map(wornWhy).filter(why => why !== undefined)
  const bit = (at: number): boolean => throttled !== undefined && (throttled & (1 << at)) !== 0
  return [
    ...(machine.hasMemoryCgroup
      ? []
      : [
          finding(
            'MemoryCgroupMissing',
            true,
            [
              'FirmwareSwitchedOff',
              'memory limits of containers are not enforced: add "cgroup_enable=memory" to /boot/firmware/cmdline.txt and restart',
            ],
            ['', ''],
          ),
        ]),
    ...(lacksVoltage === undefined
      ? []
      : [
          finding(
            'UnderVoltage',
            lacksVoltage,
            ['PowerSupplyTooWeak', 'the firmware sees less than 4.63 V now: use a better power supply or cable'],
            [
              'PowerSupplyGood',
              bit(16)
                ? 'good now; it was too low since the last boot'
                : throttled === undefined
                  ? 'good now'
                  : 'good since the last boot',
            ],
          ),
        ]),
    ...(throttled === undefined
      ? []
      : [
          finding(
            'Throttled',
            bit(1) || bit(2) || bit(3),
            ['FirmwareSlowsDown', 'the firmware has lowered the clock of the CPU, for heat or low voltage'],
            ['FullSpeed', 'the CPU may run at full speed'],
          ),
        ]),
    ...(machine.cards.some(tellsWear)
      ? [
          finding(
            'CardWorn',
            worn.length > 0,
            ['CardNearItsEnd', `${worn.join('; ')}: copy it to a new one before it fails`],
            ['CardGood', 'the card says that it is well'],
          ),
        ]
      : []),
    ...(celsius === undefined
      ? []
      : [
          finding(
            'HighTemperature',
            celsius >= hotCelsius,
            ['TooHot', `the CPU is above ${hotCelsius} °C`],
            ['CoolEnough', `the CPU is below ${hotCelsius} °C`],
          ),
        ]),
  ]
}
