import { describeError } from '../../src/api/fault.ts'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'

/** Opens the store at that path and says how that ended. */
const [path = ''] = process.argv.slice(2)
try {
  const store = await openSqliteStore({ path, now: Date.now() })
  await store.close()
  process.stdout.write('opened')
} catch (error) {
  process.stdout.write(describeError(error))
}
