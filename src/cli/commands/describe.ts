import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import { describeObject } from '../describe-object.ts'
import type { KubeClient } from '../kube-client.ts'
import { common, kubeOptions } from '../options.ts'
import { kindOfWord, type Named, namedObjects, pathOf } from '../resources.ts'
import { listAt, textAt } from '../shown.ts'

export const describe: Command = {
  name: 'describe',
  summary: 'tell all about an object, its events among it',
  usage: 'describe KIND [NAME…] | describe KIND/NAME…',
  examples: [
    { line: 'dunlin describe pod web-1', says: 'containers, conditions and events of a pod' },
    { line: 'dunlin describe node barn', says: 'what a device has, what runs on it, what troubles it' },
  ],
  options: [...kubeOptions, common.selector, common.allNamespaces],
  async run(of) {
    const kube = await of.kube()
    const names = namedObjects(of.words)
    if (names.length === 0) throw new Fault('BadRequest', 'describe what? For example: dunlin describe pod web-1')
    const objects = (await Promise.all(names.map(one => fetchObjects(of, kube, one)))).flat()
    for (const [index, { one, object }] of objects.entries()) {
      const [events, related] = await Promise.all([eventsOf(of, kube, object), relatedOf(of, kube, one, object)])
      of.out.write(
        `${index > 0 ? '\n\n' : ''}${describeObject({ kind: one.kind, object, events, related, now: of.now() })}`,
      )
    }
    return 0
  },
}

const fetchObjects = async (
  of: Invocation,
  kube: KubeClient,
  one: Named,
): Promise<readonly { readonly one: Named; readonly object: unknown }[]> => {
  const namespace = of.isSet('all-namespaces') ? undefined : (of.text('namespace') ?? kube.namespace)
  const answer = await kube.request('GET', pathOf(one.kind, namespace, one.name), {
    query: one.name === undefined ? { labelSelector: of.text('selector') } : {},
    signal: of.signal,
  })
  return one.name === undefined ? listAt(answer, 'items').map(object => ({ one, object })) : [{ one, object: answer }]
}

const eventsOf = async (of: Invocation, kube: KubeClient, object: unknown): Promise<readonly unknown[]> => {
  const uid = textAt(object, 'metadata', 'uid')
  const answer = await kube.request('GET', pathOf(kindOfWord('events'), textAt(object, 'metadata', 'namespace')), {
    query: { fieldSelector: `involvedObject.uid=${uid ?? ''}` },
    signal: of.signal,
  })
  return listAt(answer, 'items')
}

/** Pods of a node, endpoints of a Service: what the object's own fields do not tell. */
const relatedOf = async (
  of: Invocation,
  kube: KubeClient,
  one: Named,
  object: unknown,
): Promise<readonly unknown[]> => {
  const name = textAt(object, 'metadata', 'name') ?? ''
  if (one.kind.kind === 'Node') {
    return listAt(
      await kube.request('GET', pathOf(kindOfWord('pods'), undefined), {
        query: { fieldSelector: `spec.nodeName=${name}` },
        signal: of.signal,
      }),
      'items',
    )
  }
  if (one.kind.kind === 'Service') {
    const path = pathOf(kindOfWord('endpointslices'), textAt(object, 'metadata', 'namespace'))
    return listAt(
      await kube.request('GET', path, {
        query: { labelSelector: `kubernetes.io/service-name=${name}` },
        signal: of.signal,
      }),
      'items',
    )
  }
  return []
}
