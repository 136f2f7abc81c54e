import t from 'tap'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  discoveryContentType,
} from '../../src/api/discovery.ts'
import { allKinds } from '../../src/api/kinds.ts'

t.test('every group names one preferred version, core is not among them', async t => {
  const { groups } = apiGroupList()
  t.strictSame(
    groups.map(one => one.preferredVersion?.groupVersion),
    [
      'apps/v1',
      'authentication.k8s.io/v1',
      'authorization.k8s.io/v1',
      'coordination.k8s.io/v1',
      'discovery.k8s.io/v1',
      'dunlin.io/v1',
      'metrics.k8s.io/v1beta1',
      'policy/v1',
      'rbac.authorization.k8s.io/v1',
      'storage.k8s.io/v1',
    ],
  )
  t.strictSame(apiVersions().versions, ['v1'])
  t.match(apiGroup('apps'), { kind: 'APIGroup', name: 'apps' })
  t.equal(apiGroup('batch'), undefined)
  t.equal(apiGroup(''), undefined)
})

t.test('every kind is told under its group with verbs, short names and categories', async t => {
  for (const kind of allKinds) {
    const found = apiResourceList(kind.group, kind.version)?.resources.find(one => one.name === kind.plural)
    t.match(found, { kind: kind.kind, namespaced: kind.isNamespaced, singularName: kind.singular, verbs: kind.verbs })
  }
  t.match(
    apiResourceList('', 'v1')?.resources.find(one => one.name === 'pods'),
    { shortNames: ['po'], categories: ['all'] },
  )
  t.equal(apiResourceList('apps', 'v1beta1'), undefined)
})

t.test('subresources of a foreign kind say its group', async t => {
  const find = (group: string, name: string) => apiResourceList(group, 'v1')?.resources.find(one => one.name === name)
  t.match(find('', 'pods/eviction'), { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] })
  t.match(find('apps', 'deployments/scale'), { kind: 'Scale', group: 'autoscaling', version: 'v1' })
  t.match(find('', 'serviceaccounts/token'), { kind: 'TokenRequest', group: 'authentication.k8s.io' })
  t.equal(find('', 'pods/status')?.group, undefined)
})

t.test('the aggregated documents hold what the classic ones hold', async t => {
  for (const version of ['v2', 'v2beta1'] as const) {
    const documents = [aggregatedDiscovery('api', version), aggregatedDiscovery('apis', version)]
    t.equal(documents[0]?.apiVersion, `apidiscovery.k8s.io/${version}`)
    for (const { metadata, versions } of documents.flatMap(one => one.items)) {
      const classic = apiResourceList(metadata.name, versions[0]?.version ?? '')?.resources ?? []
      const names = (versions[0]?.resources ?? []).flatMap(one => [
        one.resource,
        ...(one.subresources ?? []).map(sub => `${one.resource}/${sub.subresource}`),
      ])
      t.strictSame(
        names,
        classic.map(one => one.name),
      )
    }
  }
  t.equal(discoveryContentType('v2'), 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
})
