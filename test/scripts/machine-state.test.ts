import t from 'tap'
import { differences } from '../../scripts/quickstart/machine-state.ts'

t.test('what was left behind and what was taken away is named', async t => {
  const before = { interfaces: ['lo', 'eth0'], tables: [] }
  t.strictSame(differences(before, before), [])
  t.strictSame(differences(before, { interfaces: ['lo', 'dunlin0'], tables: ['table ip dunlin'] }), [
    'interfaces: left behind: dunlin0',
    'interfaces: taken away: eth0',
    'tables: left behind: table ip dunlin',
  ])
})
