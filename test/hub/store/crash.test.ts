import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { killStore, rowOf } from '../../../bench/kill-store/kill-store.ts'
import { occasions } from '../../../bench/kill-store/plan.ts'
import { mostOperations } from '../../../src/hub/store/store-sql.ts'
import { folderOf } from '../../support/folder-of.ts'

t.test(
  'nothing acknowledged is lost, and nothing is there twice, when the store is killed with -9 amid its writers',
  async t => {
    const kills = []
    for await (const kill of killStore({ folder: folderOf(t), kills: 8, seed: 26 })) {
      t.strictSame(kill.wrong, [], `round ${kill.round}, while ${kill.occasion}`)
      kills.push(kill)
    }
    const { lost, twice, torn, acknowledged } = rowOf('all', kills)
    t.strictSame({ lost, twice, torn }, { lost: 0, twice: 0, torn: 0 })
    t.ok(acknowledged > 500, `${acknowledged} acknowledged`)
    t.equal(new Set(kills.map(kill => kill.occasion)).size, occasions.length, 'on each occasion')
  },
)

t.test('the judge of those kills sees a revision that is missing, and a value that is not whole', async t => {
  const spoil = (path: string): void => {
    const db = new DatabaseSync(path)
    db.exec(`DELETE FROM log WHERE id / ${mostOperations} = 1`)
    db.exec("UPDATE log SET value = 'half' WHERE id = (SELECT max(id) FROM log WHERE value IS NOT NULL)")
    db.close()
  }
  for await (const kill of killStore({ folder: folderOf(t), kills: 1, seed: 8, spoil })) {
    t.equal(kill.torn, 1)
    t.ok(kill.lost >= 1)
    t.match(kill.wrong, [/is empty/])
  }
})
