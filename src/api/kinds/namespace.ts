import { dnsLabel } from '../names.ts'
import type { Namespace } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'

export const namespaceKind = aKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  isNamespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status', 'finalize'],
  nameRule: dnsLabel,
  defaults: namespace => {
    const name = namespace.metadata.name ?? ''
    return {
      ...namespace,
      metadata:
        name === ''
          ? namespace.metadata
          : {
              ...namespace.metadata,
              labels: { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': name },
            },
      // k8s: the `kubernetes` finalizer is what lets contents go before the namespace does.
      spec: { finalizers: ['kubernetes'], ...namespace.spec },
      status: { phase: 'Active', ...namespace.status },
    }
  },
  selectableFields: namespace => ({ 'status.phase': namespace.status?.phase ?? '', name: nameOf(namespace) }),
  columns: [nameColumn, column('Status', 'The status of the namespace'), ageColumn],
  cells: (namespace, now) => [nameOf(namespace), namespace.status?.phase ?? '', age(namespace, now)],
})
