import { invalid } from '../causes.ts'
import type { Lease } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'

export const leaseKind = aKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  isNamespaced: true,
  storage: 'memory',
  validate: ({ spec }) => [
    ...(spec?.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
      ? [invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...(spec?.leaseTransitions !== undefined && spec.leaseTransitions < 0
      ? [invalid('spec.leaseTransitions', spec.leaseTransitions, 'must be greater than or equal to 0')]
      : []),
  ],
  columns: [
    nameColumn,
    column('Holder', 'holderIdentity contains the identity of the holder of a current lease.'),
    ageColumn,
  ],
  cells: (lease, now) => [nameOf(lease), lease.spec?.holderIdentity ?? '', age(lease, now)],
})
