import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import {
  fieldsMatch,
  formatSelector,
  labelSelectorMatches,
  matches,
  nodeTermMatches,
  parseFieldSelector,
  parseSelector,
} from '../../src/api/selector.ts'
import fc from '../support/fast-check.ts'
import { faultOf, reasonOf } from './fault-of.ts'

const labels = { app: 'web', tier: 'front', 'example.com/zone': 'a', cores: '4' }

t.test('label selectors select what Kubernetes selects', async t => {
  const table: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app=db', false],
    ['app!=db', true],
    ['missing!=x', true],
    ['app in (web,db)', true],
    ['app in (db)', false],
    ['app notin (db, cache)', true],
    ['missing notin (x)', true],
    ['app', true],
    ['missing', false],
    ['!missing', true],
    ['! app', false],
    ['app=web,tier=front', true],
    ['app=web , tier=back', false],
    ['example.com/zone=a', true],
    ['cores>3', true],
    ['cores>4', false],
    ['cores<5', true],
    ['app>3', false],
    ['missing=', false],
    ['app in (web,)', true],
  ]
  for (const [text, expected] of table) t.equal(matches(parseSelector(text), labels), expected, text)
})

t.test('what is no label selector is refused', async t => {
  for (const text of [
    '=',
    'a=b,',
    ',',
    'a in',
    'a in (',
    'a in (b',
    'a in b',
    'a b',
    '!',
    '!a=b',
    'a=b=c',
    'a=-',
    '-a=b',
    'a>b',
    'a=(b)',
    'a,,b',
    'a constructor b',
    'in (a)',
  ]) {
    t.equal(
      reasonOf(() => parseSelector(text)),
      'BadRequest',
      text,
    )
  }
})

t.test('inherited names are no labels', async t => {
  t.equal(matches(parseSelector('constructor'), {}), false)
  t.equal(matches(parseSelector('toString'), {}), false)
})

t.test('a LabelSelector: absent selects nothing, empty selects all', async t => {
  t.equal(labelSelectorMatches(undefined, labels), false)
  t.equal(labelSelectorMatches({}, labels), true)
  t.equal(labelSelectorMatches({ matchLabels: { app: 'web' } }, labels), true)
  t.equal(
    labelSelectorMatches({ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['front'] }] }, labels),
    false,
  )
  t.equal(
    reasonOf(() => labelSelectorMatches({ matchExpressions: [{ key: 'a', operator: 'Like' }] }, labels)),
    'BadRequest',
  )
})

t.test('a node selector term reads labels and the node’s name; an empty term selects nothing', async t => {
  t.equal(nodeTermMatches({}, labels, 'pi-1'), false)
  t.equal(
    nodeTermMatches({ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['2'] }] }, labels, 'pi-1'),
    true,
  )
  t.equal(
    nodeTermMatches({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['pi-1'] }] }, labels, 'pi-1'),
    true,
  )
})

t.test('field selectors: several, unequal, empty values and escapes', async t => {
  const fields = { 'metadata.name': 'web', 'status.phase': 'Running', 'involvedObject.namespace': '', odd: 'a,b=c\\' }
  const table: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['metadata.name=web', true],
    ['metadata.name==web,status.phase!=Failed', true],
    ['status.phase!=Running', false],
    ['involvedObject.namespace=', true],
    ['odd=a\\,b\\=c\\\\', true],
  ]
  for (const [text, expected] of table) t.equal(fieldsMatch(parseFieldSelector(text), fields), expected, text)
  t.match(faultOf(() => fieldsMatch(parseFieldSelector('spec.x=1'), fields)).message, /spec\.x/)
  for (const text of ['a', '=b', 'a=b=c'])
    t.equal(
      reasonOf(() => parseFieldSelector(text)),
      'BadRequest',
      text,
    )
})

t.test('a selector that is written and read again selects the same', async () => {
  const word = fc.constantFrom('a', 'b', 'app', 'x-1')
  const requirement = fc.oneof(
    fc.record({
      key: word,
      operator: fc.constantFrom('In' as const, 'NotIn' as const),
      values: fc.uniqueArray(word, { minLength: 1 }),
    }),
    fc.record({
      key: word,
      operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
      values: fc.constant([]),
    }),
  )
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 4 }), fc.dictionary(word, word), (selector, some) => {
      return matches(parseSelector(formatSelector(selector)), some) === matches(selector, some)
    }),
  )
})

t.test('no text makes the parsers throw anything but a fault', async () => {
  const almost = fc.string({ unit: fc.constantFrom(...'ab =!,()<>\\./', ' in ', ' notin '), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), text => {
      for (const parse of [parseSelector, parseFieldSelector]) {
        try {
          parse(text)
        } catch (error) {
          if (!isFault(error)) return false
        }
      }
      return true
    }),
  )
})
