import type { ContainerStatus, Event, Node, Pod } from '../../api/types.ts'
import { type Cause, cause, type Explanation } from './cause.ts'
import { whyNode } from './why-node.ts'

/** Advice for the reasons that a container may wait or have ended with. */
const mends: Record<string, string> = {
  ImagePullBackOff:
    'see that the image name is right, that the device reaches the registry, and that imagePullSecrets hold the right password',
  ErrImagePull:
    'see that the image name is right, that the device reaches the registry, and that imagePullSecrets hold the right password',
  ErrImageNeverPull: 'load the image on the device, or let imagePullPolicy be IfNotPresent',
  CreateContainerConfigError: 'create the ConfigMap or Secret that it names',
  CrashLoopBackOff: 'read its last words with "dunlin logs --previous"',
  OOMKilled: 'raise resources.limits.memory, or let the program use less',
  RunContainerError: 'see command, user and working directory against what is in the image',
}

/**
 * Explains a pod that is not ready, down to the device: scheduling, node, images, exits, probes.
 * `node` is the one it is bound to, where there is one and it is known.
 */
export const whyPod = (of: {
  readonly pod: Pod
  readonly node: Node | undefined
  readonly events: readonly Event[]
  readonly nodeEvents: readonly Event[]
  readonly now: number
}): Explanation => {
  const { pod } = of
  const name = `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`
  const phase = pod.status?.phase ?? 'Pending'
  const isReady = pod.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') === true
  const nodeCauses = bound(of)
  if (pod.metadata.deletionTimestamp !== undefined) {
    return {
      isWell: false,
      says: `pod ${name} is being deleted, since ${pod.metadata.deletionTimestamp}`,
      causes:
        nodeCauses.length > 0 ? nodeCauses : [cause('its node is stopping it, or waits for its grace period to end')],
    }
  }
  if (phase === 'Succeeded') return { isWell: true, says: `pod ${name} has completed`, causes: [] }
  if (isReady && nodeCauses.length === 0) return { isWell: true, says: `pod ${name} is well`, causes: [] }
  const causes =
    pod.spec?.nodeName === undefined || pod.spec.nodeName === ''
      ? unscheduled(pod)
      : [...nodeCauses, ...failure(pod), ...containers(pod, of.events)]
  const told =
    causes.length > 0
      ? []
      : of.events
          .filter(event => event.type === 'Warning')
          .slice(-3)
          .map(event => cause(`${event.reason}: ${event.message}`))
  const all = [...causes, ...told]
  return {
    isWell: false,
    says: `pod ${name} is not ready (${phase})`,
    causes: all.length > 0 ? all : [cause('its node has taken it and has not told more yet')],
  }
}

const unscheduled = (pod: Pod): readonly Cause[] => {
  const condition = pod.status?.conditions?.find(one => one.type === 'PodScheduled')
  return [
    cause(
      'no node has been chosen for it',
      condition?.message === undefined ? [] : [cause(condition.message)],
      'see "dunlin nodes", and compare the pod’s requests, nodeSelector and tolerations with what they offer',
    ),
  ]
}

const bound = (of: {
  readonly pod: Pod
  readonly node: Node | undefined
  readonly nodeEvents: readonly Event[]
  readonly now: number
}): readonly Cause[] => {
  const name = of.pod.spec?.nodeName
  if (name === undefined || name === '') return []
  if (of.node === undefined)
    return [
      cause(
        `its node ${name} is not in the fleet any more`,
        [],
        'its owner makes a new pod; a bare pod must be created again',
      ),
    ]
  const node = whyNode({ node: of.node, events: of.nodeEvents, now: of.now })
  const matters = node.causes.filter(one => !one.says.startsWith('it is cordoned'))
  return matters.length === 0 ? [] : [cause(`its node ${name} is not well`, matters)]
}

const failure = (pod: Pod): readonly Cause[] =>
  pod.status?.phase === 'Failed' && pod.status.reason !== undefined
    ? [cause(`it has failed: ${pod.status.reason}${pod.status.message === undefined ? '' : `: ${pod.status.message}`}`)]
    : []

const containers = (pod: Pod, events: readonly Event[]): readonly Cause[] => {
  const inits = (pod.status?.initContainerStatuses ?? []).flatMap(status =>
    status.ready || status.state?.terminated?.exitCode === 0 ? [] : container(status, 'init container', events),
  )
  if (inits.length > 0) return inits.slice(0, 1)
  return (pod.status?.containerStatuses ?? []).flatMap(status =>
    status.ready ? [] : container(status, 'container', events),
  )
}

const container = (status: ContainerStatus, what: string, events: readonly Event[]): readonly Cause[] => {
  const waiting = status.state?.waiting
  const ended = status.state?.terminated ?? status.lastState?.terminated
  const end = ended === undefined ? [] : [cause(endSentence(ended), [], mends[ended.reason ?? ''])]
  if (waiting !== undefined) {
    const message = waiting.message === undefined || waiting.message === '' ? '' : `: ${waiting.message}`
    return [
      cause(
        `${what} ${status.name} waits: ${waiting.reason ?? 'no reason given'}${message}`,
        end,
        mends[waiting.reason ?? ''],
      ),
    ]
  }
  if (status.state?.terminated !== undefined) return [cause(`${what} ${status.name} has ended`, end)]
  const probe = events
    .filter(
      event => event.reason === 'Unhealthy' && (event.involvedObject.fieldPath ?? '').includes(`{${status.name}}`),
    )
    .at(-1)
  return [
    cause(`${what} ${status.name} runs but is not ready`, probe?.message === undefined ? [] : [cause(probe.message)]),
  ]
}

const endSentence = (ended: {
  readonly reason?: string
  readonly exitCode: number
  readonly message?: string
  readonly finishedAt?: string
}): string =>
  `it ended ${ended.finishedAt === undefined ? '' : `at ${ended.finishedAt} `}with exit code ${ended.exitCode}${ended.reason === undefined ? '' : ` (${ended.reason})`}${ended.message === undefined || ended.message === '' ? '' : `, saying: ${ended.message.trim()}`}`
