import { forbidden, immutable, invalid, oneOf, required, ruled } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import { qualifiedName } from '../names.ts'
import { canonicalAmounts } from '../pods/pod-defaults.ts'
import { tryParseQuantity } from '../quantity.ts'
import { fieldsOf } from '../schema.ts'
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf, wideColumn } from './a-kind.ts'

/** Persistent storage is stored and shown; nothing is bound to it yet, which every write says. */
const notBoundYet = 'stored and shown; binding of volumes comes with a later release'

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']

export const persistentVolumeKind = aKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  isNamespaced: false,
  subresources: ['status'],
  defaults: volume => ({
    ...volume,
    spec: {
      ...volume.spec,
      ...(volume.spec?.capacity === undefined ? {} : { capacity: canonicalAmounts(volume.spec.capacity) }),
      ...(volume.spec?.hostPath === undefined ? {} : { hostPath: { type: '', ...volume.spec.hostPath } }),
      persistentVolumeReclaimPolicy: volume.spec?.persistentVolumeReclaimPolicy || 'Retain',
      volumeMode: volume.spec?.volumeMode ?? 'Filesystem',
    },
    status: { phase: 'Pending', ...volume.status },
  }),
  validate: ({ spec }) => [
    ...modeCauses(spec?.accessModes),
    ...sizeCauses('spec.capacity', spec?.capacity?.['storage']),
    ...sourceCauses(spec ?? {}),
    ...oneOf('spec.persistentVolumeReclaimPolicy', spec?.persistentVolumeReclaimPolicy, [
      'Delete',
      'Recycle',
      'Retain',
    ]),
    ...oneOf('spec.volumeMode', spec?.volumeMode, ['Block', 'Filesystem']),
  ],
  warnings: () => [`PersistentVolume: ${notBoundYet}`],
  columns: [
    nameColumn,
    column('Capacity', 'capacity is the description of the persistent volume’s resources and capacity.'),
    column('Access Modes', 'accessModes contains all ways the volume can be mounted.'),
    column(
      'Reclaim Policy',
      'persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim.',
    ),
    column('Status', 'phase indicates if a volume is available, bound to a claim, or released by a claim.'),
    column('Claim', 'claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim.'),
    column('StorageClass', 'storageClassName is the name of StorageClass to which this persistent volume belongs.'),
    column('VolumeAttributesClass', 'Name of VolumeAttributesClass to which this persistent volume belongs.'),
    column('Reason', 'reason is a brief string that describes any failure.'),
    ageColumn,
    wideColumn(
      'VolumeMode',
      'volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state.',
    ),
  ],
  cells: (volume, now) => [
    nameOf(volume),
    volume.spec?.capacity?.['storage'] ?? '',
    modesText(volume.spec?.accessModes),
    volume.spec?.persistentVolumeReclaimPolicy ?? '',
    terminatingOr(volume, volume.status?.phase),
    volume.spec?.claimRef === undefined
      ? ''
      : `${volume.spec.claimRef.namespace ?? ''}/${volume.spec.claimRef.name ?? ''}`,
    volume.spec?.storageClassName ?? '',
    volume.spec?.volumeAttributesClassName ?? '<unset>',
    volume.status?.reason ?? '',
    age(volume, now),
    volume.spec?.volumeMode ?? '<unset>',
  ],
})

export const persistentVolumeClaimKind = aKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  isNamespaced: true,
  subresources: ['status'],
  defaults: claim => ({
    ...claim,
    spec: {
      ...claim.spec,
      ...(claim.spec?.resources?.requests === undefined
        ? {}
        : { resources: { ...claim.spec.resources, requests: canonicalAmounts(claim.spec.resources.requests) } }),
      volumeMode: claim.spec?.volumeMode ?? 'Filesystem',
    },
    status: { phase: 'Pending', ...claim.status },
  }),
  validate: ({ spec }, before) => [
    ...modeCauses(spec?.accessModes),
    ...sizeCauses('spec.resources', spec?.resources?.requests?.['storage']),
    ...oneOf('spec.volumeMode', spec?.volumeMode, ['Block', 'Filesystem']),
    ...(before === undefined ||
    isEqual({ ...spec, resources: 0, volumeName: 0 }, { ...before.spec, resources: 0, volumeName: 0 })
      ? []
      : [immutable('spec', spec, 'spec is immutable after creation except resources.requests')]),
  ],
  warnings: () => [`PersistentVolumeClaim: ${notBoundYet}`],
  columns: [
    nameColumn,
    column('Status', 'phase represents the current phase of PersistentVolumeClaim.'),
    column('Volume', 'volumeName is the binding reference to the PersistentVolume backing this claim.'),
    column('Capacity', 'capacity represents the actual resources of the underlying volume.'),
    column('Access Modes', 'accessModes contains the actual access modes the volume backing the PVC has.'),
    column('StorageClass', 'storageClassName is the name of the StorageClass required by the claim.'),
    column(
      'VolumeAttributesClass',
      'volumeAttributesClassName may be used to set the VolumeAttributesClass used by this claim.',
    ),
    ageColumn,
    wideColumn('VolumeMode', 'volumeMode defines what type of volume is required by the claim.'),
  ],
  cells: (claim, now) => [
    nameOf(claim),
    terminatingOr(claim, claim.status?.phase),
    claim.spec?.volumeName ?? '',
    (claim.spec?.volumeName ?? '') === '' ? '' : (claim.status?.capacity?.['storage'] ?? ''),
    (claim.spec?.volumeName ?? '') === '' ? '' : modesText(claim.status?.accessModes),
    claim.spec?.storageClassName ?? '',
    claim.spec?.volumeAttributesClassName ?? '<unset>',
    age(claim, now),
    claim.spec?.volumeMode ?? '<unset>',
  ],
})

export const storageClassKind = aKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  isNamespaced: false,
  defaults: storage => ({
    ...storage,
    reclaimPolicy: storage.reclaimPolicy ?? 'Delete',
    volumeBindingMode: storage.volumeBindingMode ?? 'Immediate',
  }),
  validate: (storage, before) => [
    ...(storage.provisioner === ''
      ? [required('provisioner')]
      : ruled('provisioner', storage.provisioner, text => qualifiedName(text.toLowerCase()))),
    ...oneOf('reclaimPolicy', storage.reclaimPolicy, ['Delete', 'Retain']),
    ...oneOf('volumeBindingMode', storage.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ...(['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'] as const)
      .filter(field => before !== undefined && !isEqual(storage[field], before[field]))
      .map(field => immutable(field, storage[field], 'updates to this field are forbidden.')),
  ],
  warnings: () => [`StorageClass: ${notBoundYet}`],
  columns: [
    nameColumn,
    column('Provisioner', 'provisioner indicates the type of the provisioner.'),
    column(
      'ReclaimPolicy',
      'reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class.',
    ),
    column(
      'VolumeBindingMode',
      'volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.',
    ),
    column('AllowVolumeExpansion', 'allowVolumeExpansion shows whether the storage class allow volume expand.'),
    ageColumn,
  ],
  cells: (storage, now) => [
    isDefaultClass(storage) ? `${nameOf(storage)} (default)` : nameOf(storage),
    storage.provisioner,
    storage.reclaimPolicy ?? 'Delete',
    storage.volumeBindingMode ?? 'Immediate',
    storage.allowVolumeExpansion ?? false,
    age(storage, now),
  ],
})

const isDefaultClass = (storage: StorageClass): boolean =>
  storage.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true'

/** A volume has a size above nothing. */
const sizeCauses = (field: string, size: string | undefined): readonly FaultCause[] => {
  if (size === undefined) return [required(`${field}[storage]`)]
  const nanos = tryParseQuantity(size)
  return nanos === undefined || nanos <= 0n ? [invalid(`${field}[storage]`, size, 'must be greater than zero')] : []
}

/** Where a volume's bytes are: one place, and one only. Every such field of the schema is a type `…VolumeSource`. */
const sourceCauses = (spec: NonNullable<PersistentVolume['spec']>): readonly FaultCause[] => {
  const types = Object.keys(spec).filter(
    name => fieldsOf('PersistentVolumeSpec').get(name)?.item.endsWith('VolumeSource') === true,
  )
  if (types.length === 0) return [required('spec', 'must specify a volume type')]
  return types.slice(1).map(type => forbidden(`spec.${type}`, 'may not specify more than 1 volume type'))
}

const modeCauses = (modes: readonly string[] | undefined): readonly FaultCause[] =>
  (modes?.length ?? 0) === 0
    ? [required('spec.accessModes', 'at least 1 access mode is required')]
    : (modes ?? []).flatMap(mode => oneOf('spec.accessModes', mode, accessModes))

const shortModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])

const modesText = (modes: readonly string[] | undefined): string =>
  [...new Set(modes ?? [])].flatMap(mode => shortModes.get(mode) ?? []).join(',')

const terminatingOr = (object: PersistentVolume | PersistentVolumeClaim, phase: string | undefined): string =>
  object.metadata.deletionTimestamp === undefined ? (phase ?? '') : 'Terminating'
