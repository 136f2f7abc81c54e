import type { KubeObject, ObjectMeta, OwnerReference, Pod, PodTemplateSpec } from '../../api/types.ts'
import { nameOf, uidOf } from './pod-facts.ts'

/** The reference by which `owner` controls what it made. */
export const ownedBy = (owner: KubeObject, apiVersion: string, kind: string): OwnerReference => ({
  apiVersion,
  kind,
  name: nameOf(owner),
  uid: uidOf(owner),
  controller: true,
  blockOwnerDeletion: true,
})

/**
 * A pod as the template wants it, owned by its controller. The API completes the name.
 *
 * @example podFromTemplate(replicaSet.spec.template, 'default', ownedBy(replicaSet, 'apps/v1', 'ReplicaSet'))
 */
export const podFromTemplate = (
  template: PodTemplateSpec | undefined,
  namespace: string,
  owner: OwnerReference,
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...given(template?.metadata),
    generateName: `${owner.name}-`,
    namespace,
    ownerReferences: [owner],
  },
  spec: template?.spec ?? { containers: [] },
})

const given = (metadata: ObjectMeta | undefined): ObjectMeta => ({
  ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
  ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
  ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
})

/** The object's metadata with `owner` as its controller. */
export const withOwner = (metadata: ObjectMeta, owner: OwnerReference): ObjectMeta => ({
  ...metadata,
  ownerReferences: [...(metadata.ownerReferences ?? []).filter(one => one.uid !== owner.uid), owner],
})

/** The object's metadata without the owner of this uid. */
export const withoutOwner = (metadata: ObjectMeta, ownerUid: string): ObjectMeta => ({
  ...metadata,
  ownerReferences: (metadata.ownerReferences ?? []).filter(one => one.uid !== ownerUid),
})
