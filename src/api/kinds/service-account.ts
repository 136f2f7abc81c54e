import { required, ruled } from '../causes.ts'
import { dnsSubdomain } from '../names.ts'
import type { ServiceAccount } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'

export const serviceAccountKind = aKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  isNamespaced: true,
  subresources: ['token'],
  validate: account =>
    (account.imagePullSecrets ?? []).flatMap((one, index) =>
      (one.name ?? '') === ''
        ? [required(`imagePullSecrets[${index}].name`)]
        : ruled(`imagePullSecrets[${index}].name`, one.name ?? '', dnsSubdomain),
    ),
  columns: [nameColumn, column('Secrets', 'Secrets that pods of this account may use.'), ageColumn],
  cells: (account, now) => [nameOf(account), account.secrets?.length ?? 0, age(account, now)],
})
