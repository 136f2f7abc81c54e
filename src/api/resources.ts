import type { SubresourceName, Verb } from './kind.ts'
import { allKinds } from './kinds.ts'

/** Something under a URL of the API, as discovery tells it: the kinds of the table and what is computed or only sent. */
export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly isNamespaced: boolean
  readonly verbs: readonly (Verb | 'create')[]
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly subresources: readonly Subresource[]
}

export interface Subresource {
  readonly name: string
  readonly verbs: readonly Verb[]
  /** What is sent or answered there. */
  readonly group: string
  readonly version: string
  readonly kind: string
}

interface SubresourceWords {
  readonly verbs: readonly Verb[]
  /** Absent: the kind itself. */
  readonly of?: { readonly group: string; readonly version: string; readonly kind: string }
  /** The options of a connection are a kind of their own: `PodExecOptions`. */
  readonly options?: string
}

const subresourceWords: { readonly [name in SubresourceName]: SubresourceWords } = {
  status: { verbs: ['get', 'patch', 'update'] },
  scale: { verbs: ['get', 'patch', 'update'], of: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
  log: { verbs: ['get'] },
  eviction: { verbs: ['create'], of: { group: 'policy', version: 'v1', kind: 'Eviction' } },
  binding: { verbs: ['create'], of: { group: '', version: 'v1', kind: 'Binding' } },
  token: { verbs: ['create'], of: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } },
  finalize: { verbs: ['update'] },
  exec: { verbs: ['create', 'get'], options: 'ExecOptions' },
  attach: { verbs: ['create', 'get'], options: 'AttachOptions' },
  portforward: { verbs: ['create', 'get'], options: 'PortForwardOptions' },
  proxy: { verbs: ['create', 'delete', 'get', 'patch', 'update'], options: 'ProxyOptions' },
}

const computed = (group: string, version: string, kind: string, plural: string, verbs: readonly Verb[]): Resource => ({
  group,
  version,
  plural,
  singular: kind.toLowerCase(),
  kind,
  isNamespaced: kind === 'PodMetrics' || kind === 'LocalSubjectAccessReview',
  verbs,
  shortNames: [],
  categories: [],
  subresources: [],
})

/** Reviews are answered, metrics are read from the newest report, sessions are what is open: nothing of them is stored. */
const computedResources: readonly Resource[] = [
  computed('authentication.k8s.io', 'v1', 'SelfSubjectReview', 'selfsubjectreviews', ['create']),
  computed('authentication.k8s.io', 'v1', 'TokenReview', 'tokenreviews', ['create']),
  computed('authorization.k8s.io', 'v1', 'LocalSubjectAccessReview', 'localsubjectaccessreviews', ['create']),
  computed('authorization.k8s.io', 'v1', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews', ['create']),
  computed('authorization.k8s.io', 'v1', 'SelfSubjectRulesReview', 'selfsubjectrulesreviews', ['create']),
  computed('authorization.k8s.io', 'v1', 'SubjectAccessReview', 'subjectaccessreviews', ['create']),
  { ...computed('metrics.k8s.io', 'v1beta1', 'NodeMetrics', 'nodes', ['get', 'list']), singular: '' },
  { ...computed('metrics.k8s.io', 'v1beta1', 'PodMetrics', 'pods', ['get', 'list']), singular: '' },
  computed('dunlin.io', 'v1', 'Session', 'sessions', ['delete', 'list']),
]

/** Everything that discovery tells. */
export const allResources: readonly Resource[] = [
  ...allKinds.map(
    (kind): Resource => ({
      group: kind.group,
      version: kind.version,
      plural: kind.plural,
      singular: kind.singular,
      kind: kind.kind,
      isNamespaced: kind.isNamespaced,
      verbs: kind.verbs,
      shortNames: kind.shortNames,
      categories: kind.categories,
      subresources: kind.subresources.map(name => {
        const { verbs, of, options = '' } = subresourceWords[name]
        return { name, verbs, ...(of ?? { group: kind.group, version: kind.version, kind: `${kind.kind}${options}` }) }
      }),
    }),
  ),
  ...computedResources,
]

/** Groups that hold no resource of their own, but whose presence clients look for: policy has the eviction of pods. */
const emptyGroups: readonly GroupVersion[] = [{ group: 'policy', version: 'v1' }]

export interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** Every group with its version, core first. */
export const groupVersions: readonly GroupVersion[] = [
  ...new Map(
    [...allResources, ...emptyGroups].map(({ group, version }) => [`${group}/${version}`, { group, version }]),
  ).values(),
].toSorted((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0))

/** The resources of one group and version; undefined where there is no such group or version. */
export const resourcesOf = (group: string, version: string): readonly Resource[] | undefined =>
  groupVersions.some(one => one.group === group && one.version === version)
    ? allResources.filter(one => one.group === group && one.version === version)
    : undefined
