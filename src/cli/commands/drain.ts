import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { common, kubeOptions } from '../options.ts'
import { kindOfWord, pathOf } from '../resources.ts'
import { at, listAt, textAt } from '../shown.ts'
import { pause, timeMs } from '../wait.ts'
import { nodeNames, setUnschedulable } from './cordon.ts'

export const drain: Command = {
  name: 'drain',
  summary: 'cordon a node and move its pods away',
  usage: 'drain NODE…',
  examples: [{ line: 'dunlin drain barn --ignore-daemonsets', says: 'empty the node, but for DaemonSets' }],
  options: [
    ...kubeOptions,
    common.timeout,
    { name: 'ignore-daemonsets', help: 'leave the pods of DaemonSets' },
    { name: 'force', help: 'also delete pods that nothing will make again' },
    { name: 'delete-emptydir-data', help: 'also pods with emptyDir volumes, whose data is lost' },
    { name: 'grace-period', value: 'SECONDS', help: 'time that pods get to end' },
  ],
  async run(of) {
    const kube = await of.kube()
    const deadline = of.now() + timeMs(of.text('timeout') ?? '10m', 'timeout')
    for (const node of nodeNames(of, 'drain')) {
      await setUnschedulable(of, kube, node, true)
      const code = await empty(of, kube, node, deadline)
      if (code !== 0) return code
      of.out.write(`node/${node} drained\n`)
    }
    return 0
  },
}

const ownerKind = (pod: unknown): string | undefined =>
  textAt(
    listAt(pod, 'metadata', 'ownerReferences').find(owner => at(owner, 'controller') === true),
    'kind',
  )

const label = (pod: unknown): string => `${textAt(pod, 'metadata', 'namespace')}/${textAt(pod, 'metadata', 'name')}`

/** The pods to move. @throws Fault BadRequest that names every pod which needs an option, and the option */
const podsToMove = (of: Invocation, pods: readonly unknown[]): readonly unknown[] => {
  const movable = pods.filter(
    pod =>
      !(ownerKind(pod) === 'DaemonSet' && of.isSet('ignore-daemonsets')) &&
      !['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? ''),
  )
  const objections = movable.flatMap(pod => [
    ...(ownerKind(pod) === 'DaemonSet' ? [`${label(pod)} belongs to a DaemonSet (--ignore-daemonsets leaves it)`] : []),
    ...(ownerKind(pod) === undefined && !of.isSet('force')
      ? [`${label(pod)} would not be made again (--force deletes it)`]
      : []),
    ...(listAt(pod, 'spec', 'volumes').some(volume => at(volume, 'emptyDir') !== undefined) &&
    !of.isSet('delete-emptydir-data')
      ? [`${label(pod)} keeps data in an emptyDir (--delete-emptydir-data loses it)`]
      : []),
  ])
  if (objections.length > 0) throw new Fault('BadRequest', `cannot drain:\n  ${objections.join('\n  ')}`)
  return movable
}

const empty = async (of: Invocation, kube: KubeClient, node: string, deadline: number): Promise<number> => {
  const pods = kindOfWord('pods')
  const list = await kube.request('GET', pathOf(pods, undefined), {
    query: { fieldSelector: `spec.nodeName=${node}` },
    signal: of.signal,
  })
  const grace = of.text('grace-period')
  for (const pod of podsToMove(of, listAt(list, 'items'))) {
    const namespace = textAt(pod, 'metadata', 'namespace') ?? ''
    const name = textAt(pod, 'metadata', 'name') ?? ''
    of.out.write(`evicting pod ${namespace}/${name}\n`)
    const path = pathOf(pods, namespace, name)
    for (;;) {
      if (of.signal.aborted) return 130
      if (of.now() > deadline) {
        of.out.note(
          `pod ${namespace}/${name} is still there; "dunlin why pod/${name} -n ${namespace}" tells the causes`,
        )
        return 3
      }
      if (await isGone(of, kube, path, textAt(pod, 'metadata', 'uid'))) break
      await evict(of, kube, path, { namespace, name }, grace === undefined ? undefined : Number(grace))
      await pause(500, of.signal)
    }
  }
  return 0
}

const evict = async (
  of: Invocation,
  kube: KubeClient,
  path: string,
  metadata: { readonly namespace: string; readonly name: string },
  grace: number | undefined,
): Promise<void> => {
  try {
    await kube.request('POST', `${path}/eviction`, {
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata,
        ...(grace === undefined ? {} : { deleteOptions: { gracePeriodSeconds: grace } }),
      },
      signal: of.signal,
    })
  } catch (error) {
    // A disruption budget forbids it now (429), or it went meanwhile (404): look again.
    if (!(error instanceof Fault && ['TooManyRequests', 'NotFound'].includes(error.reason))) throw error
  }
}

const isGone = async (of: Invocation, kube: KubeClient, path: string, uid: string | undefined): Promise<boolean> => {
  try {
    return textAt(await kube.request('GET', path, { signal: of.signal }), 'metadata', 'uid') !== uid
  } catch (error) {
    if (error instanceof Fault && error.reason === 'NotFound') return true
    throw error
  }
}
