import type { Kind } from '../../src/api/kind.ts'
import type { KubeObject } from '../../src/api/types.ts'

/** A kind that defaults nothing, refuses nothing and shows its name. */
export const aTestKind = (words: Partial<Kind> & { readonly kind: string; readonly plural: string }): Kind => ({
  group: '',
  version: 'v1',
  singular: words.kind.toLowerCase(),
  shortNames: [],
  categories: [],
  isNamespaced: true,
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: [],
  hasStatus: false,
  storage: 'store',
  schema: words.kind,
  defaults: object => object,
  validate: () => [],
  warnings: () => [],
  selectableFields: () => ({}),
  columns: [{ name: 'Name', type: 'string', format: 'name', description: 'Its name.', priority: 0 }],
  cells: object => [object.metadata.name ?? ''],
  ...words,
})

/** Any object with a spec: what the tests write. */
export interface Thing extends KubeObject {
  readonly spec?: { readonly [field: string]: unknown }
  readonly status?: { readonly [field: string]: unknown }
  readonly data?: { readonly [field: string]: string }
}

export const testKinds: readonly Kind[] = [
  aTestKind({
    kind: 'Namespace',
    plural: 'namespaces',
    isNamespaced: false,
    hasStatus: true,
    defaults: (namespace: Thing) => ({
      ...namespace,
      spec: { finalizers: ['kubernetes'], ...namespace.spec },
      status: { phase: 'Active', ...namespace.status },
    }),
  }),
  aTestKind({ kind: 'ConfigMap', plural: 'configmaps' }),
  aTestKind({ kind: 'Secret', plural: 'secrets' }),
  aTestKind({ kind: 'Node', plural: 'nodes', isNamespaced: false, hasStatus: true }),
  aTestKind({ kind: 'Pod', plural: 'pods', hasStatus: true }),
  aTestKind({ kind: 'Lease', plural: 'leases', group: 'coordination.k8s.io', storage: 'memory' }),
  aTestKind({
    kind: 'Deployment',
    plural: 'deployments',
    group: 'apps',
    hasStatus: true,
    defaults: (deployment: Thing) => ({ ...deployment, spec: { replicas: 1, ...deployment.spec } }),
    validate: (deployment: Thing) =>
      Number(deployment.spec?.['replicas']) < 0
        ? [{ reason: 'FieldValueInvalid', field: 'spec.replicas', message: 'Invalid value: must not be negative' }]
        : [],
  }),
]
