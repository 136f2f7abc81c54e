import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { applyPatchOf, lastAppliedAnnotation } from '../last-applied.ts'
import { mergeRuleOf } from '../merge-rule.ts'
import { type AppliedObject, readObjects } from '../objects.ts'
import { common, kubeOptions } from '../options.ts'
import { pathOf } from '../resources.ts'
import { shown, textAt } from '../shown.ts'
import { timeMs } from '../wait.ts'
import { watchRollout } from '../watch-rollout.ts'

export const apply: Command = {
  name: 'apply',
  summary: 'make the fleet as the manifests say',
  usage: 'apply -f FILE… [--wait]',
  examples: [
    { line: 'dunlin apply -f web.yaml', says: 'create or change what web.yaml describes' },
    { line: 'dunlin apply -f shop/ --wait', says: 'a whole folder, and stay until it runs' },
    { line: 'cat web.yaml | dunlin apply -f -', says: 'from standard input' },
    { line: 'dunlin apply -f web.yaml --dry-run', says: 'let the hub judge it and change nothing' },
  ],
  options: [
    ...kubeOptions,
    common.file,
    common.timeout,
    { name: 'wait', help: 'show the roll-out and return when it is done (or --timeout is over)' },
    { name: 'dry-run', help: 'let the hub judge it and change nothing' },
  ],
  async run(of) {
    const objects = await readObjects(of.texts('filename'), of.text('namespace'))
    const kube = await of.kube()
    const applied: AppliedObject[] = []
    for (const object of objects) applied.push(await applyOne(of, kube, object))
    if (!of.isSet('wait') || of.isSet('dry-run')) return 0
    return watchRollout({ of, kube, objects: applied, timeoutMs: timeMs(of.text('timeout') ?? '5m', 'timeout') })
  },
}

const applyOne = async (of: Invocation, kube: KubeClient, object: AppliedObject): Promise<AppliedObject> => {
  const { kind, name } = object
  const namespace = kind.isNamespaced ? (object.namespace ?? kube.namespace) : undefined
  const manifest = {
    ...object.manifest,
    metadata: { ...shown(object.manifest['metadata']), ...(namespace === undefined ? {} : { namespace }) },
  }
  const annotated = withLastApplied(manifest)
  const query = {
    fieldManager: 'dunlin-apply',
    fieldValidation: 'Strict',
    ...(of.isSet('dry-run') ? { dryRun: 'All' } : {}),
  }
  const onWarning = (text: string): void => of.out.note(`Warning: ${text}`)
  const say = (how: string): void =>
    of.out.write(
      `${kind.singular}${kind.group === '' ? '' : `.${kind.group}`}/${name} ${how}${of.isSet('dry-run') ? ' (dry run)' : ''}\n`,
    )
  const before = await found(kube, pathOf(kind, namespace, name), of.signal)
  if (before === undefined) {
    await kube.request('POST', pathOf(kind, namespace), { body: annotated, query, onWarning, signal: of.signal })
    say('created')
    return { ...object, ...(namespace === undefined ? {} : { namespace }) }
  }
  const lastText = textAt(before, 'metadata', 'annotations', lastAppliedAnnotation)
  const patch = applyPatchOf(lastText === undefined ? {} : parseLast(lastText, name), annotated, mergeRuleOf(kind))
  const after = await kube.request('PATCH', pathOf(kind, namespace, name), {
    body: patch,
    contentType: 'application/strategic-merge-patch+json',
    query,
    onWarning,
    signal: of.signal,
  })
  say(
    textAt(after, 'metadata', 'resourceVersion') === textAt(before, 'metadata', 'resourceVersion')
      ? 'unchanged'
      : 'configured',
  )
  return { ...object, ...(namespace === undefined ? {} : { namespace }) }
}

const found = async (kube: KubeClient, path: string, signal: AbortSignal): Promise<unknown> => {
  try {
    return await kube.request('GET', path, { signal })
  } catch (error) {
    if (error instanceof Fault && error.reason === 'NotFound') return undefined
    throw error
  }
}

const withLastApplied = (manifest: { readonly [key: string]: unknown }): { readonly [key: string]: unknown } => {
  const metadata = shown(manifest['metadata'])
  const annotations =
    metadata['annotations'] === undefined || metadata['annotations'] === null ? {} : shown(metadata['annotations'])
  const { [lastAppliedAnnotation]: _, ...others } = annotations
  const bare = { ...manifest, metadata: { ...metadata, annotations: others } }
  return {
    ...bare,
    metadata: { ...bare.metadata, annotations: { ...others, [lastAppliedAnnotation]: `${JSON.stringify(bare)}\n` } },
  }
}

const parseLast = (text: string, name: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Fault(
      'Malformed',
      `the annotation ${lastAppliedAnnotation} of ${name} is not JSON; remove it and apply again`,
      { name },
      error,
    )
  }
}
