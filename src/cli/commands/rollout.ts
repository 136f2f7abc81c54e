import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { common, kubeOptions } from '../options.ts'
import { type Named, namedObjects, pathOf } from '../resources.ts'
import { at, isShown, listAt, stringsAt, textAt } from '../shown.ts'
import { formatTable } from '../table.ts'
import { timeMs } from '../wait.ts'
import { watchRollout } from '../watch-rollout.ts'

const revisionAnnotation = 'deployment.kubernetes.io/revision'

export const rollout: Command = {
  name: 'rollout',
  summary: 'follow, restart, pause, or undo a roll-out',
  usage: 'rollout status|restart|pause|resume|history|undo KIND/NAME',
  examples: [
    { line: 'dunlin rollout status deploy/web', says: 'follow it until it is done' },
    { line: 'dunlin rollout restart deploy/web', says: 'new pods, one after another' },
    { line: 'dunlin rollout undo deploy/web', says: 'back to the revision before' },
  ],
  options: [
    ...kubeOptions,
    common.timeout,
    { name: 'to-revision', value: 'N', help: 'with undo: the revision to go back to' },
  ],
  async run(of) {
    const [verb = '', ...words] = of.words
    const act = verbs[verb]
    if (act === undefined)
      throw new Fault('BadRequest', `rollout "${verb}" is not known; there are: ${Object.keys(verbs).join(', ')}`)
    const kube = await of.kube()
    let code = 0
    for (const one of namedObjects(words)) {
      if (one.name === undefined)
        throw new Fault(
          'BadRequest',
          `which ${one.kind.singular}? For example: dunlin rollout ${verb} ${one.kind.singular}/web`,
        )
      const namespace = of.text('namespace') ?? kube.namespace
      code = Math.max(
        code,
        await act({
          of,
          kube,
          one: { ...one, name: one.name },
          namespace,
          path: pathOf(one.kind, namespace, one.name),
        }),
      )
    }
    return code
  },
}

interface Act {
  readonly of: Invocation
  readonly kube: KubeClient
  readonly one: Named & { readonly name: string }
  readonly namespace: string
  readonly path: string
}

const patch = async (act: Act, body: unknown, says: string): Promise<number> => {
  await act.kube.request('PATCH', act.path, {
    body,
    contentType: 'application/strategic-merge-patch+json',
    signal: act.of.signal,
  })
  act.of.out.write(`${act.one.kind.singular}.${act.one.kind.group}/${act.one.name} ${says}\n`)
  return 0
}

const verbs: Record<string, (act: Act) => Promise<number>> = {
  status: act =>
    watchRollout({
      of: act.of,
      kube: act.kube,
      objects: [{ kind: act.one.kind, name: act.one.name, namespace: act.namespace, manifest: {}, path: '' }],
      timeoutMs: timeMs(act.of.text('timeout') ?? '10m', 'timeout'),
    }),
  restart: act =>
    patch(
      act,
      {
        spec: {
          template: {
            metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': new Date(act.of.now()).toISOString() } },
          },
        },
      },
      'restarted',
    ),
  pause: act => patch(act, { spec: { paused: true } }, 'paused'),
  resume: act => patch(act, { spec: { paused: null } }, 'resumed'),
  async history(act) {
    const revisions = await revisionsOf(act)
    act.of.out.write(
      formatTable([
        ['REVISION', 'REPLICAS', 'IMAGES'],
        ...revisions.map(one => [String(one.revision), textAt(one.set, 'spec', 'replicas') ?? '0', imagesOf(one.set)]),
      ]),
    )
    return 0
  },
  async undo(act) {
    const revisions = await revisionsOf(act)
    const wanted = act.of.text('to-revision')
    const target = wanted === undefined ? revisions.at(-2) : revisions.find(one => String(one.revision) === wanted)
    if (target === undefined) {
      throw new Fault(
        'BadRequest',
        `${act.one.name} has no ${wanted === undefined ? 'revision before this one' : `revision ${wanted}`}; it has: ${revisions.map(one => one.revision).join(', ') || 'none'}`,
      )
    }
    const template = at(target.set, 'spec', 'template')
    if (!isShown(template)) throw new Fault('Malformed', `revision ${target.revision} has no pod template`)
    const labels = Object.fromEntries(
      stringsAt(template, 'metadata', 'labels').filter(([key]) => key !== 'pod-template-hash'),
    )
    const metadata = at(template, 'metadata')
    await act.kube.request('PATCH', act.path, {
      body: [
        {
          op: 'replace',
          path: '/spec/template',
          value: { ...template, metadata: { ...(isShown(metadata) ? metadata : {}), labels } },
        },
      ],
      contentType: 'application/json-patch+json',
      signal: act.of.signal,
    })
    act.of.out.write(
      `${act.one.kind.singular}.${act.one.kind.group}/${act.one.name} rolled back to revision ${target.revision}\n`,
    )
    return 0
  },
}

const imagesOf = (set: unknown): string =>
  listAt(set, 'spec', 'template', 'spec', 'containers')
    .map(one => textAt(one, 'image') ?? '')
    .join(',')

const revisionsOf = async (act: Act): Promise<readonly { readonly revision: number; readonly set: unknown }[]> => {
  if (act.one.kind.kind !== 'Deployment')
    throw new Fault('BadRequest', `only a Deployment keeps revisions, not a ${act.one.kind.kind}`)
  const deployment = await act.kube.request('GET', act.path, { signal: act.of.signal })
  const uid = textAt(deployment, 'metadata', 'uid')
  const sets = await act.kube.request(
    'GET',
    `/apis/apps/v1/namespaces/${encodeURIComponent(act.namespace)}/replicasets`,
    { signal: act.of.signal },
  )
  return listAt(sets, 'items')
    .filter(set => listAt(set, 'metadata', 'ownerReferences').some(owner => at(owner, 'uid') === uid))
    .map(set => ({ revision: Number(textAt(set, 'metadata', 'annotations', revisionAnnotation) ?? 0), set }))
    .toSorted((a, b) => a.revision - b.revision)
}
