import { Fault, isFault } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject, ObjectKey } from '../../api/types.ts'
import { sameJson } from '../../lib/same-json.ts'
import type { DeleteOptions, Objects, WriteOptions } from '../objects.ts'
import type { Admission } from '../ports.ts'
import { keyedLock } from './keyed-lock.ts'
import { alreadyExists, conflict, forbiddenWrite, invalid, keyOf, notFound } from './object-names.ts'
import { hasSpecFinalizers, kubeTime, prepareDelete } from './prepare-delete.ts'
import { type AnyObject, prepareCreate, prepareUpdate, withGeneration } from './prepare-object.ts'

/** One change of one object. `guards`: other objects that must still be as they were when it was decided. */
export interface Change {
  readonly kind: Kind
  readonly key: ObjectKey
  readonly before: KubeObject | undefined
  readonly next: KubeObject | undefined
  readonly guards: readonly { readonly kind: Kind; readonly key: ObjectKey; readonly object: KubeObject }[]
}

/** Resolves to the object as committed, or undefined when something was no longer as it was. */
export type Commit = (change: Change) => Promise<KubeObject | undefined>

export interface ObjectWriter {
  create(kind: Kind, object: KubeObject, by: WriteOptions): Promise<KubeObject>
  update(kind: Kind, object: KubeObject, by: UpdateOptions): Promise<KubeObject>
  modify(
    kind: Kind,
    key: ObjectKey,
    change: (now: KubeObject) => KubeObject | undefined,
    by: UpdateOptions,
  ): Promise<KubeObject | undefined>
  remove(
    kind: Kind,
    key: ObjectKey,
    options: DeleteOptions,
  ): Promise<{ readonly object: KubeObject; readonly isGone: boolean } | undefined>
  removeFinally(kind: Kind, key: ObjectKey, uid: string): Promise<void>
  notFound(kind: Kind, key: ObjectKey): Fault
}

type UpdateOptions = WriteOptions & { readonly subresource?: string }

/** Rounds against other writers; more means that somebody writes the object without end. */
const mostRounds = 6

/** k8s: NamespaceLifecycle. */
const immortal: readonly string[] = ['default', 'kube-public', 'kube-system']

/** The one way to write objects: every rule that Kubernetes has for all kinds is here, in the order of the road. */
export const objectWriter = (of: {
  readonly objects: Objects
  readonly kinds: readonly Kind[]
  readonly admission: Admission
  readonly commit: Commit
  readonly now: () => number
  readonly newUid: () => string
  readonly random: () => number
}): ObjectWriter => {
  const { objects, commit } = of
  const namespaces = of.kinds.find(kind => kind.kind === 'Namespace')
  const lock = keyedLock()

  /** Admission hands out addresses and ports: the next one of the kind must see what this one took. */
  const inTurn = <T>(kind: Kind, act: () => Promise<T>): Promise<T> =>
    Object.hasOwn(of.admission, kind.kind) ? lock(kind.kind, act) : act()

  const complete = (kind: Kind, object: AnyObject, before: KubeObject | undefined): AnyObject => {
    const admitted = of.admission[kind.kind]?.(kind.defaults(object), before, objects) ?? kind.defaults(object)
    const causes = kind.validate(admitted, before)
    if (causes.length > 0) throw invalid(kind, object.metadata.name ?? '', causes)
    return admitted
  }

  const guardsOf = (kind: Kind, { namespace, name }: ObjectKey): Change['guards'] => {
    if (!kind.isNamespaced || namespaces === undefined) return []
    const key = { namespace: '', name: namespace }
    const object = objects.get<AnyObject>('Namespace', key)
    if (object === undefined) throw notFound(namespaces, namespace)
    if (object.metadata.deletionTimestamp !== undefined) {
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`
      throw forbiddenWrite(kind, name, why)
    }
    return kind.storage === 'store' ? [{ kind: namespaces, key, object }] : []
  }

  const createOnce = async (kind: Kind, sent: KubeObject, by: WriteOptions): Promise<KubeObject | undefined> => {
    const stamp = { now: kubeTime(of.now()), uid: of.newUid(), random: of.random }
    const object = prepareCreate({ kind, object: sent, ...stamp })
    const key = keyOf(object)
    const guards = guardsOf(kind, key)
    const next = complete(kind, object, undefined)
    if (objects.get(kind.kind, key) !== undefined) {
      if ((sent.metadata.name ?? '') === '') return undefined
      throw alreadyExists(kind, key.name)
    }
    return by.isDryRun === true ? next : await commit({ kind, key, before: undefined, next, guards })
  }

  const updateOnce = async (kind: Kind, sent: KubeObject, by: UpdateOptions): Promise<KubeObject | undefined> => {
    const key = keyOf(sent)
    const before = objects.get<AnyObject>(kind.kind, key)
    if (before === undefined) throw notFound(kind, key.name)
    checkPreconditions(kind, before, sent.metadata)
    const prepared = prepareUpdate({ kind, object: sent, before, subresource: by.subresource })
    const completed = complete(kind, prepared, before)
    // A status says what is, and never changes the wish: not by a default either that the hub has learned since.
    const kept = by.subresource === 'status' && 'spec' in before ? { ...completed, spec: before.spec } : completed
    const next = withGeneration(kind, kept, before)
    if (sameJson(next, before)) return before
    if (by.isDryRun === true) return next
    const isLetGo = next.metadata.deletionTimestamp !== undefined && !isKept(kind, next)
    return await commit({ kind, key, before, next: isLetGo ? undefined : next, guards: [] })
  }

  const update: ObjectWriter['update'] = (kind, object, by) =>
    inTurn(kind, async () => {
      for (let round = 0; round < mostRounds; round += 1) {
        const done = await updateOnce(kind, object, by)
        if (done !== undefined) return done
      }
      throw conflict(kind, object.metadata.name ?? '')
    })

  return {
    notFound: (kind, key) => notFound(kind, key.name),
    update,
    create: (kind, object, by) =>
      inTurn(kind, async () => {
        if ((object.metadata.resourceVersion ?? '') !== '') {
          throw new Fault('BadRequest', 'resourceVersion should not be set on objects to be created')
        }
        for (let round = 0; round < mostRounds; round += 1) {
          const done = await createOnce(kind, object, by)
          if (done !== undefined) return done
        }
        throw conflict(kind, object.metadata.name ?? object.metadata.generateName ?? '')
      }),
    async modify(kind, key, change, by) {
      for (let round = 1; ; round += 1) {
        const now = objects.get(kind.kind, key)
        if (now === undefined) return undefined
        const next = change(now)
        if (next === undefined || next === now) return now
        try {
          return await update(kind, withVersionOf(next, now), by)
        } catch (error) {
          if (isFault(error, 'NotFound') && objects.get(kind.kind, key) === undefined) return undefined
          if (!isFault(error, 'Conflict') || round >= mostRounds) throw error
        }
      }
    },
    async remove(kind, key, options) {
      if (kind.kind === 'Namespace' && lasting.includes(key.name)) {
        throw forbiddenWrite(kind, key.name, 'this namespace may not be deleted')
      }
      for (let round = 0; round < mostRounds; round += 1) {
        const object = objects.get<AnyObject>(kind.kind, key)
        if (object === undefined) return undefined
        if (kind.kind === 'Namespace' && immortal.includes(key.name)) {
          throw forbiddenWrite(kind, key.name, 'this namespace may not be deleted')
        }
        checkPreconditions(kind, object, options.preconditions ?? {})
        const deletion = prepareDelete({ kind, object, options, now: of.now() })
        if (deletion.action === 'wait') return { object, isGone: false }
        const next = deletion.action === 'mark' ? deletion.object : undefined
        const isGone = next === undefined
        if (options.isDryRun === true) return { object: next ?? object, isGone }
        const done = await commit({ kind, key, before: object, next, guards: [] })
        if (done !== undefined) return { object: done, isGone }
      }
      throw conflict(kind, key.name)
    },
    async removeFinally(kind, key, uid) {
      for (let round = 0; round < mostRounds; round += 1) {
        const object = objects.get<AnyObject>(kind.kind, key)
        if (object === undefined || object.metadata.uid !== uid) return
        const hasFinalizers = (object.metadata.finalizers ?? []).length > 0
        const { deletionGracePeriodSeconds = 0, deletionTimestamp = kubeTime(of.now()) } = object.metadata
        if (hasFinalizers && deletionGracePeriodSeconds === 0 && object.metadata.deletionTimestamp !== undefined) return
        const metadata = { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 }
        const next = hasFinalizers ? { ...object, metadata } : undefined
        if ((await commit({ kind, key, before: object, next, guards: [] })) !== undefined) return
      }
      throw conflict(kind, key.name)
    },
  }
}

/** k8s: NamespaceLifecycle's immortal namespaces, and that of the nodes' signs of life. */
const lasting = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** Marked, and something still keeps it: a finalizer, or a node that has not let go. */
const isKept = (kind: Kind, object: AnyObject): boolean =>
  (object.metadata.finalizers ?? []).length > 0 ||
  (object.metadata.deletionGracePeriodSeconds ?? 0) > 0 ||
  hasSpecFinalizers(kind, object)

const withVersionOf = (next: KubeObject, now: KubeObject): KubeObject => ({
  ...next,
  metadata: { ...next.metadata, resourceVersion: now.metadata.resourceVersion },
})

const checkPreconditions = (
  kind: Kind,
  now: KubeObject,
  wanted: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
): void => {
  const name = now.metadata.name ?? ''
  if (wanted.uid !== undefined && wanted.uid !== '' && wanted.uid !== now.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${now.metadata.uid}`
    throw conflict(kind, name, why)
  }
  const version = wanted.resourceVersion ?? ''
  if (version !== '' && version !== '0' && version !== now.metadata.resourceVersion) throw conflict(kind, name)
}
