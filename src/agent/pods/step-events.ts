import type { Pod, PodStatus } from '../../api/types.ts'
import type { StepResult } from '../../core/pods/after-step.ts'
import type { Step } from '../../core/pods/step.ts'
import type { Events } from '../events.ts'

/** Tells of a step in kubelet's words, so that `kubectl describe` reads as usual. */
export const tellStep = (events: Events, pod: Pod, step: Step, result: StepResult | 'begins'): void => {
  const name = 'container' in step ? step.container : undefined
  const isInit = pod.spec?.initContainers?.some(one => one.name === name) ?? false
  const involved = {
    kind: 'Pod' as const,
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name ?? '',
    uid: pod.metadata.uid ?? '',
    ...(name === undefined ? {} : { fieldPath: `spec.${isInit ? 'initContainers' : 'containers'}{${name}}` }),
  }
  if (result === 'begins') {
    if (step.action === 'pull image') events.tell('Normal', 'Pulling', `Pulling image "${step.image}"`, involved)
    if (step.action === 'stop container')
      events.tell('Normal', 'Killing', `Stopping container ${step.container}: ${step.reason}`, involved)
    return
  }
  if (result.isOk) {
    if (step.action === 'pull image')
      events.tell('Normal', 'Pulled', `Successfully pulled image "${step.image}"`, involved)
    if (step.action === 'create container') events.tell('Normal', 'Created', `Created container: ${name}`, involved)
    if (step.action === 'start container') events.tell('Normal', 'Started', `Started container ${name}`, involved)
    return
  }
  const reasons: { readonly [action: string]: string } = {
    'prepare volumes': 'FailedMount',
    'make sandbox': 'FailedCreatePodSandBox',
    'attach network': 'FailedCreatePodSandBox',
    'write files': 'FailedCreatePodSandBox',
    'run postStart': 'FailedPostStartHook',
    'run preStop': 'FailedPreStopHook',
    'stop container': 'FailedKillPod',
  }
  const text = step.action === 'pull image' ? `Failed to pull image "${step.image}": ${result.message}` : result.message
  events.tell('Warning', reasons[step.action] ?? 'Failed', text, involved)
}

/** k8s: a Warning BackOff when a container begins to wait for its next attempt or its next pull. */
export const tellBackOff = (
  events: Events,
  pod: Pod,
  before: PodStatus | undefined,
  now: PodStatus | undefined,
): void => {
  const { namespace = '', name = '', uid = '' } = pod.metadata
  const waiting = (status: PodStatus | undefined, container: string) =>
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(one => one.name === container)
      ?.state?.waiting
  for (const one of [...(now?.initContainerStatuses ?? []), ...(now?.containerStatuses ?? [])]) {
    const { reason, message = '' } = one.state?.waiting ?? {}
    if (reason !== 'CrashLoopBackOff' && reason !== 'ImagePullBackOff') continue
    const last = waiting(before, one.name)
    if (last?.reason === reason && last.message === message) continue
    const fieldPath = `spec.containers{${one.name}}`
    events.tell('Warning', 'BackOff', message, { kind: 'Pod', namespace, name, uid, fieldPath })
  }
}
