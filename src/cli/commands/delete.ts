import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { readObjects } from '../objects.ts'
import { common, kubeOptions } from '../options.ts'
import { type Named, namedObjects, pathOf } from '../resources.ts'
import { listAt, textAt } from '../shown.ts'
import { pause, timeMs } from '../wait.ts'

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'delete objects, and wait until they are gone',
  usage: 'delete KIND NAME… | delete KIND/NAME… | delete -f FILE… | delete KIND -l LABELS',
  examples: [
    { line: 'dunlin delete -f web.yaml', says: 'delete what web.yaml describes' },
    { line: 'dunlin delete pod web-1', says: 'delete one pod; its owner makes a new one' },
    { line: 'dunlin delete pods -l app=web', says: 'delete all pods with this label' },
  ],
  options: [
    ...kubeOptions,
    common.file,
    common.selector,
    common.timeout,
    { name: 'all', help: 'all objects of the kind in the namespace' },
    { name: 'no-wait', help: 'return at once' },
    { name: 'ignore-not-found', help: 'no error when an object is not there' },
    { name: 'grace-period', value: 'SECONDS', help: 'time that pods get to end' },
    { name: 'force', help: 'with --grace-period=0: forget the pod at once, whatever its node does' },
    { name: 'cascade', value: 'HOW', help: 'background (default), foreground or orphan' },
  ],
  async run(of) {
    const kube = await of.kube()
    const targets = await targetsOf(of, kube)
    const deleted: Target[] = []
    for (const target of targets) if (await deleteOne(of, kube, target)) deleted.push(target)
    if (of.isSet('no-wait')) return 0
    return waitUntilGone(of, kube, deleted)
  },
}

interface Target {
  readonly label: string
  readonly path: string
}

const targetsOf = async (of: Invocation, kube: KubeClient): Promise<readonly Target[]> => {
  const namespace = of.text('namespace')
  const target = (one: Named & { readonly name: string }, within: string | undefined): Target => ({
    label: `${one.kind.singular}${one.kind.group === '' ? '' : `.${one.kind.group}`} "${one.name}"`,
    path: pathOf(one.kind, one.kind.isNamespaced ? (within ?? kube.namespace) : undefined, one.name),
  })
  if (of.texts('filename').length > 0) {
    return (await readObjects(of.texts('filename'), namespace))
      .map(object => target(object, object.namespace))
      .toReversed()
  }
  const names = namedObjects(of.words)
  if (names.length === 0) throw new Fault('BadRequest', 'delete what? For example: dunlin delete pod web-1')
  const targets: Target[] = []
  for (const one of names) {
    if (one.name !== undefined) {
      targets.push(target({ kind: one.kind, name: one.name }, namespace))
      continue
    }
    const labelSelector = of.text('selector')
    if (labelSelector === undefined && !of.isSet('all'))
      throw new Fault('BadRequest', `which ${one.kind.plural}? Give names, -l LABELS or --all`)
    const list = await kube.request('GET', pathOf(one.kind, namespace ?? kube.namespace), {
      query: { labelSelector },
      signal: of.signal,
    })
    for (const item of listAt(list, 'items')) {
      const name = textAt(item, 'metadata', 'name')
      if (name !== undefined) targets.push(target({ kind: one.kind, name }, textAt(item, 'metadata', 'namespace')))
    }
  }
  return targets
}

const cascades: Record<string, string> = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' }

const deleteOne = async (of: Invocation, kube: KubeClient, target: Target): Promise<boolean> => {
  const grace = of.text('grace-period')
  if (grace !== undefined && !/^\d+$/.test(grace))
    throw new Fault('BadRequest', `--grace-period=${grace} is not a number of seconds`)
  const cascade = cascades[of.text('cascade') ?? 'background']
  if (cascade === undefined)
    throw new Fault(
      'BadRequest',
      `--cascade=${of.text('cascade')} is not known; there are: ${Object.keys(cascades).join(', ')}`,
    )
  const body = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: cascade,
    ...(grace === undefined
      ? of.isSet('force')
        ? { gracePeriodSeconds: 0 }
        : {}
      : { gracePeriodSeconds: Number(grace) }),
  }
  try {
    await kube.request('DELETE', target.path, { body, signal: of.signal })
  } catch (error) {
    if (of.isSet('ignore-not-found') && error instanceof Fault && error.reason === 'NotFound') return false
    throw error
  }
  of.out.write(`${target.label} deleted\n`)
  return true
}

const waitUntilGone = async (of: Invocation, kube: KubeClient, targets: readonly Target[]): Promise<number> => {
  const deadline = of.now() + timeMs(of.text('timeout') ?? '5m', 'timeout')
  for (const target of targets) {
    while (!(await isGone(kube, target, of.signal))) {
      if (of.signal.aborted) return 130
      if (of.now() > deadline) {
        of.out.note(`${target.label} is still there; its node may be out of reach. "dunlin why" tells the causes`)
        return 3
      }
      await pause(250, of.signal)
    }
  }
  return 0
}

const isGone = async (kube: KubeClient, target: Target, signal: AbortSignal): Promise<boolean> => {
  try {
    // Made again under the same name (by its owner, or a finalizer's author): that is not ours any more.
    const now = await kube.request('GET', target.path, { signal })
    return textAt(now, 'metadata', 'deletionTimestamp') === undefined
  } catch (error) {
    if (error instanceof Fault && error.reason === 'NotFound') return true
    throw error
  }
}
