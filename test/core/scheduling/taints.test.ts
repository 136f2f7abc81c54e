import t from 'tap'
import { leavesAtMs, tolerates } from '../../../src/core/scheduling/taints.ts'

const taint = { key: 'camera', value: 'yes', effect: 'NoExecute' }

t.test('which toleration tolerates which taint', async t => {
  const cases: readonly (readonly [string, Parameters<typeof tolerates>[0], boolean])[] = [
    ['equal', { key: 'camera', operator: 'Equal', value: 'yes', effect: 'NoExecute' }, true],
    ['no operator is Equal', { key: 'camera', value: 'yes' }, true],
    ['another value', { key: 'camera', value: 'no' }, false],
    ['exists', { key: 'camera', operator: 'Exists' }, true],
    ['another effect', { key: 'camera', operator: 'Exists', effect: 'NoSchedule' }, false],
    ['another key', { key: 'screen', operator: 'Exists' }, false],
    ['everything', { operator: 'Exists' }, true],
    ['nothing', {}, false],
  ]
  for (const [name, toleration, expected] of cases) t.equal(tolerates(toleration, taint), expected, name)
})

t.test('a pod leaves at the end of its shortest toleration', async t => {
  const since = () => 1_000
  const bearing = (...seconds: (number | undefined)[]) =>
    seconds.map(tolerationSeconds => ({
      key: 'camera',
      operator: 'Exists',
      ...(tolerationSeconds !== undefined && { tolerationSeconds }),
    }))
  t.equal(leavesAtMs([taint], [], since), 1_000, 'at once')
  t.equal(leavesAtMs([taint], bearing(30, 10), since), 11_000)
  t.equal(leavesAtMs([taint], bearing(undefined), since), undefined, 'never')
  t.equal(leavesAtMs([taint], bearing(undefined, 10), since), 11_000)
  t.equal(leavesAtMs([taint], bearing(-5), since), 1_000)
  t.equal(leavesAtMs([{ ...taint, effect: 'NoSchedule' }], [], since), undefined, 'only NoExecute makes a pod leave')
  t.equal(leavesAtMs([taint, { key: 'hot', effect: 'NoExecute' }], bearing(30), since), 1_000)
})
