import t from 'tap'
import {
  allKinds,
  apiVersionOf,
  kindAt,
  kindNamed,
  kindOf,
  qualifiedKind,
  qualifiedPlural,
} from '../../src/api/kinds.ts'
import { reasonOf } from './fault-of.ts'

t.test('every kind is found by name, by manifest and by URL', async t => {
  for (const kind of allKinds) {
    t.equal(kindNamed(kind.kind), kind)
    t.equal(kindOf(apiVersionOf(kind), kind.kind), kind)
    t.equal(kindAt(kind.group, kind.version, kind.plural), kind)
  }
  t.equal(kindOf('apps/v1beta1', 'Deployment'), undefined)
  t.equal(kindOf('v1', 'Deployment'), undefined)
  t.equal(kindAt('apps', 'v1', 'pods'), undefined)
  t.equal(
    reasonOf(() => kindNamed('Elephant')),
    'Internal',
  )
})

t.test('names in messages are those of Kubernetes', async t => {
  t.equal(qualifiedKind(kindNamed('Deployment')), 'Deployment.apps')
  t.equal(qualifiedPlural(kindNamed('Deployment')), 'deployments.apps')
  t.equal(qualifiedPlural(kindNamed('Pod')), 'pods')
})

t.test('no short name or plural stands for two kinds', async t => {
  const words = allKinds.flatMap(kind => [kind.plural, kind.singular, ...kind.shortNames])
  t.strictSame(
    words.filter((word, index) => words.indexOf(word) !== index),
    [],
  )
})

t.test('a row has one cell for each column, also of an object with nothing in it', async t => {
  for (const kind of allKinds) {
    const empty = kind.defaults({
      metadata: { name: 'x' },
      ...(kind.kind === 'Event' ? { involvedObject: {} } : {}),
      ...(kind.kind.endsWith('Binding') ? { roleRef: {} } : {}),
    })
    t.equal(kind.cells(empty, 0).length, kind.columns.length, kind.kind)
    t.equal(kind.columns.filter(column => column.format === 'name').length, 1, kind.kind)
    t.equal(kind.selectableFields(empty)['metadata.name'], 'x', kind.kind)
  }
})
