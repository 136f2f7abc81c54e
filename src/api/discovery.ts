import { apiVersionOf } from './kinds.ts'
import { type GroupVersion, groupVersions, type Resource, resourcesOf, type Subresource } from './resources.ts'
import type { APIGroup, APIGroupList, APIResource, APIResourceList } from './types.ts'

/** `GET /api` */
export const apiVersions = () => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
})

/** `GET /apis` */
export const apiGroupList = (): APIGroupList => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupVersions.filter(one => one.group !== '').map(groupWords),
})

/** `GET /apis/GROUP`; undefined where there is no such group. */
export const apiGroup = (group: string): APIGroup | undefined => {
  const known = groupVersions.find(one => one.group === group && group !== '')
  return known === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupWords(known) }
}

const groupWords = (of: GroupVersion): APIGroup => {
  const version = { groupVersion: apiVersionOf(of), version: of.version }
  return { name: of.group, versions: [version], preferredVersion: version }
}

/**
 * `GET /api/v1` and `GET /apis/GROUP/VERSION`; undefined where there is no such group or version.
 * @example apiResourceList('apps', 'v1')?.resources.map(one => one.name)
 */
export const apiResourceList = (group: string, version: string): APIResourceList | undefined => {
  const resources = resourcesOf(group, version)
  if (resources === undefined) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: resources.flatMap(one => [
      resourceWords(one),
      ...one.subresources.map(subresource => subresourceWords(one, subresource)),
    ]),
  }
}

const resourceWords = (of: Resource): APIResource => ({
  name: of.plural,
  singularName: of.singular,
  namespaced: of.isNamespaced,
  kind: of.kind,
  verbs: of.verbs,
  ...(of.shortNames.length === 0 ? {} : { shortNames: of.shortNames }),
  ...(of.categories.length === 0 ? {} : { categories: of.categories }),
})

const subresourceWords = (of: Resource, subresource: Subresource): APIResource => ({
  name: `${of.plural}/${subresource.name}`,
  singularName: '',
  namespaced: of.isNamespaced,
  kind: subresource.kind,
  verbs: subresource.verbs,
  // A foreign kind says its group: drain finds the eviction by it.
  ...(subresource.group === of.group && subresource.version === of.version
    ? {}
    : { group: subresource.group, version: subresource.version }),
})

export type DiscoveryVersion = 'v2' | 'v2beta1'

/** The Content-Type of an aggregated document: it must say what the body is. */
export const discoveryContentType = (version: DiscoveryVersion): string =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`

/**
 * The aggregated discovery of `/api` or `/apis` (k8s: apidiscovery.k8s.io), which spares a client twenty requests.
 * @param root which of the two roots was asked
 */
export const aggregatedDiscovery = (root: 'api' | 'apis', version: DiscoveryVersion) => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items: groupVersions
    .filter(one => (one.group === '') === (root === 'api'))
    .map(one => ({
      metadata: { name: one.group, creationTimestamp: null },
      versions: [
        {
          version: one.version,
          resources: (resourcesOf(one.group, one.version) ?? []).map(aggregatedWords),
          freshness: 'Current',
        },
      ],
    })),
})

const aggregatedWords = (of: Resource) => ({
  resource: of.plural,
  responseKind: { group: of.group, version: of.version, kind: of.kind },
  scope: of.isNamespaced ? 'Namespaced' : 'Cluster',
  singularResource: of.singular,
  verbs: of.verbs,
  ...(of.shortNames.length === 0 ? {} : { shortNames: of.shortNames }),
  ...(of.categories.length === 0 ? {} : { categories: of.categories }),
  ...(of.subresources.length === 0
    ? {}
    : {
        subresources: of.subresources.map(({ name, verbs, group, version, kind }) => ({
          subresource: name,
          responseKind: { group, version, kind },
          verbs,
        })),
      }),
})
