import { describeError } from '../../api/fault.ts'
import type { NodeCondition } from '../../api/types.ts'
import type { MachineIdentity, MachineReading } from '../../core/nodes/machine.ts'
import { nodeConditions } from '../../core/nodes/node-conditions.ts'
import { nodeResources } from '../../core/nodes/node-resources.ts'
import type { NodeFacts } from '../../core/pods/field-ref.ts'
import { kubeTime } from '../../core/pods/kube-time.ts'
import type { ObservedImage, PodRuntime, RuntimeDescription } from '../../core/pods/runtime.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { NodeReport } from '../../wire/payloads.ts'
import { kubeletVersion } from '../version.ts'
import { boardLabels } from './board-labels.ts'

/** The machine under the pods: its size, its health, and what it tells the hub of both. */
export interface NodeWatch {
  /** Looks once; after that the facts are there. */
  start(): Promise<void>
  facts(): NodeFacts
  reading(): MachineReading | undefined
  /** Images have come or gone. */
  imagesChanged(): void
  /** More of what the machine is, as labels. */
  setHardware(labels: { readonly [key: string]: string }): void
  /** Looks now. */
  look(): Promise<void>
  close(): void
}

const everyMs = 30_000
/** k8s: node-status-max-images. */
const mostImages = 50

export const nodeWatch = (of: {
  readonly nodeName: string
  readonly identity: MachineIdentity
  readonly readMachine: () => Promise<MachineReading>
  readonly addresses: () => Promise<readonly string[]>
  readonly runtime: Pick<PodRuntime, 'describe' | 'images'>
  readonly engine: () => { readonly trouble: string | undefined; readonly hasObserved: boolean }
  readonly network: () => { readonly trouble: string | undefined; readonly flaws: readonly string[] }
  readonly onReport: (report: NodeReport) => void
  readonly onLook: (reading: MachineReading) => void
  readonly clock: Clock
  readonly log: Log
}): NodeWatch => {
  const { identity, runtime, clock, log } = of
  let machine: MachineReading | undefined
  let addresses: readonly string[] = []
  let conditions: readonly NodeCondition[] = []
  let engine: RuntimeDescription | undefined
  let images: readonly ObservedImage[] = []
  let areImagesKnown = false
  let hardware: { readonly [key: string]: string } = {}
  let cancel: (() => void) | undefined
  let isClosed = false

  const facts = (): NodeFacts => ({
    name: of.nodeName,
    addresses,
    allocatable: machine === undefined ? {} : nodeResources(machine).allocatable,
    canProtectFromOom: identity.canProtectFromOom,
    memoryBytes: machine?.memory.totalBytes ?? 0,
  })

  /** The engine is asked only when it has something new to say. */
  const askEngine = async (): Promise<void> => {
    if (!of.engine().hasObserved || of.engine().trouble !== undefined) return
    try {
      engine ??= await runtime.describe()
      if (!areImagesKnown) images = await runtime.images()
      areImagesKnown = true
    } catch (error) {
      log.debug('the engine could not be described', { why: describeError(error) })
    }
  }

  const look = async (): Promise<void> => {
    machine = await of.readMachine()
    addresses = await of.addresses()
    of.onLook(machine)
    await askEngine()
    if (isClosed) return
    const { trouble, hasObserved } = of.engine()
    const network = of.network()
    conditions = nodeConditions(
      {
        machine,
        engineTrouble: trouble,
        hasObserved,
        networkTrouble: network.trouble,
        networkFlaws: network.flaws,
        now: kubeTime(clock.now()) ?? '',
      },
      conditions,
    )
    of.onReport(reportOf(machine))
  }

  const reportOf = (reading: MachineReading): NodeReport => ({
    addresses: [
      ...addresses.map(address => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: identity.hostname },
    ],
    ...nodeResources(reading),
    conditions,
    nodeInfo: {
      architecture: identity.architecture,
      bootID: identity.bootID,
      containerRuntimeVersion: engine?.containerRuntimeVersion ?? '',
      kernelVersion: identity.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: identity.machineID,
      operatingSystem: 'linux',
      osImage: identity.osImage,
      systemUUID: identity.machineID,
    },
    images: images
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, mostImages)
      .map(image => ({ names: [...image.digests, ...image.names].slice(0, 5), sizeBytes: image.bytes })),
    labels: {
      ...hardware,
      'kubernetes.io/arch': identity.architecture,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/hostname': of.nodeName,
      ...boardLabels(identity.board),
    },
    ...(identity.board.serial === undefined ? {} : { board: identity.board.serial.slice(0, 64) }),
  })

  const later = (): void => {
    if (isClosed) return
    cancel = clock.after(everyMs, () => {
      look()
        .catch((error: unknown) => log.warn('the machine could not be read', { why: describeError(error) }))
        .finally(later)
    })
  }

  return {
    async start() {
      await look()
      later()
    },
    facts,
    reading: () => machine,
    imagesChanged() {
      areImagesKnown = false
    },
    setHardware(labels) {
      hardware = labels
    },
    look,
    close() {
      isClosed = true
      cancel?.()
    },
  }
}
