import { Fault } from '../api/fault.ts'
import type { Invocation } from './command.ts'
import type { KubeClient } from './kube-client.ts'
import { kindOfWord, pathOf } from './resources.ts'
import { listAt, stringsAt, textAt } from './shown.ts'

/**
 * The pods that a word means: `web-1`, `pod/web-1`, or all of a workload or Service as `deploy/web`, those that are
 * leaving last.
 *
 * @throws Fault NotFound, BadRequest
 */
export const podsOfWord = async (
  kube: KubeClient,
  namespace: string,
  word: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> => {
  const pods = kindOfWord('pods')
  const [type = '', name, ...more] = word.split('/')
  if (more.length > 0 || type === '' || name === '')
    throw new Fault('BadRequest', `"${word}" is neither POD nor TYPE/NAME`)
  const kind = name === undefined ? pods : kindOfWord(type)
  const object = await kube.request('GET', pathOf(kind, namespace, name ?? type), { signal })
  if (kind.kind === 'Pod') return [object]
  const selector = [
    ...stringsAt(object, 'spec', 'selector', 'matchLabels'),
    ...(kind.kind === 'Service' ? stringsAt(object, 'spec', 'selector') : []),
  ]
  if (selector.length === 0) throw new Fault('BadRequest', `${word} selects no pods`)
  const labelSelector = selector.map(([key, value]) => `${key}=${value}`).join(',')
  const found = await podsByLabels(kube, namespace, labelSelector, signal)
  if (found.length === 0) throw new Fault('NotFound', `${word} has no pods`)
  return found.toSorted(
    (a, b) => Number(isLeaving(a)) - Number(isLeaving(b)) || Number(isReady(b)) - Number(isReady(a)),
  )
}

/** As `podsOfWord`, the first of them. */
export const podOfWord = async (
  kube: KubeClient,
  namespace: string,
  word: string,
  signal: AbortSignal,
): Promise<unknown> => (await podsOfWord(kube, namespace, word, signal))[0]

export const podsByLabels = async (
  kube: KubeClient,
  namespace: string,
  labelSelector: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> =>
  listAt(
    await kube.request('GET', pathOf(kindOfWord('pods'), namespace), { query: { labelSelector }, signal }),
    'items',
  )

const isLeaving = (pod: unknown): boolean => textAt(pod, 'metadata', 'deletionTimestamp') !== undefined
const isReady = (pod: unknown): boolean =>
  listAt(pod, 'status', 'conditions').some(one => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True')

export const nameOf = (object: unknown): string => textAt(object, 'metadata', 'name') ?? ''

export const containersOf = (pod: unknown, ...lists: readonly ('initContainers' | 'containers')[]): readonly string[] =>
  lists.flatMap(list => listAt(pod, 'spec', list).flatMap(one => textAt(one, 'name') ?? []))

/**
 * The container that is meant: the named one, or as kubectl chooses, saying so where there are others.
 *
 * @throws Fault BadRequest that lists what the pod has
 */
export const containerOf = (of: Pick<Invocation, 'out' | 'text' | 'isSet'>, pod: unknown): string => {
  const own = containersOf(pod, 'containers')
  const all = [...own, ...containersOf(pod, 'initContainers')]
  const wanted =
    of.text('container') ?? textAt(pod, 'metadata', 'annotations', 'kubectl.kubernetes.io/default-container') ?? own[0]
  if (wanted === undefined || !all.includes(wanted))
    throw new Fault('BadRequest', `container ${wanted ?? ''} is not in pod ${nameOf(pod)}; it has: ${all.join(', ')}`)
  if (of.text('container') === undefined && own.length > 1 && !of.isSet('quiet'))
    of.out.note(`Defaulted container "${wanted}" out of: ${all.join(', ')}`)
  return wanted
}
