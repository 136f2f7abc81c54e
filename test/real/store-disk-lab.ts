import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeError } from '../../src/api/fault.ts'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import type { Store } from '../../src/hub/store/store.ts'
import { writeDurably } from '../../src/lib/durable-file.ts'

/*
 * Runs in a mount namespace of its own, on a small ext4 of its own, which becomes full, has room again, fails (read-only,
 * its journal aborted), and is mounted anew. Says what it saw as one line of JSON.
 */

const [place = ''] = process.argv.slice(2)
const run = (program: string, ...words: readonly string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const folder = join(place, 'disk')
const image = join(place, 'image')
mkdirSync(folder)
run('truncate', '--size=26M', image)
run('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', image)
run('tune2fs', '-O', 'has_journal', '-e', 'remount-ro', image)
const device = run('losetup', '--find', '--show', image).trim()
const mountDisk = (...options: readonly string[]) => run('mount', ...options, device, folder)
mountDisk()
const path = join(folder, 'hub.db')
const keyOf = (number: number): string => `/full/${String(number).padStart(6, '0')}`

/** Writes with four writers until each is refused; resolves to what was acknowledged and what was said. */
const fill = async (store: Store, from: number) => {
  const acknowledged: string[] = []
  const refusals = new Set<string>()
  let next = from
  const writer = async (): Promise<void> => {
    for (;;) {
      const key = keyOf(next)
      next += 1
      try {
        await store.transact({ compare: [], operations: [{ operation: 'put', key, value: Buffer.alloc(4000, key) }] })
        acknowledged.push(key)
      } catch (error) {
        refusals.add(describeError(error))
        return
      }
    }
  }
  await Promise.all([0, 1, 2, 3].map(writer))
  return { acknowledged, refusals: [...refusals] }
}

const present = async (store: Store, keys: readonly string[]): Promise<number> => {
  const there = new Set((await store.range('/full/')).entries.map(entry => entry.key))
  return keys.filter(key => there.has(key)).length
}

const writeOne = async (store: Store): Promise<string> => {
  try {
    await store.transact({ compare: [], operations: [{ operation: 'put', key: '/one', value: Buffer.from('x') }] })
    return 'written'
  } catch (error) {
    return describeError(error)
  }
}

/** What a hub that is started now says. */
const startOfAnother = (): string =>
  execFileSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./store-disk-start.ts', import.meta.url)), path],
    { encoding: 'utf8' },
  )

const seen: Record<string, unknown> = {}
const ballast = join(folder, 'ballast')
writeFileSync(ballast, Buffer.alloc(9 * 1024 * 1024))
const reserve = join(folder, 'reserve')
writeFileSync(reserve, Buffer.alloc(6 * 1024 * 1024))
await writeDurably(join(folder, 'own-file'), 'old')
const store = await openSqliteStore({ path, now: Date.now() })
const first = await fill(store, 0)
seen['full'] = {
  acknowledged: first.acknowledged.length,
  refusals: first.refusals,
  present: await present(store, first.acknowledged),
  ownFileWrite: await writeDurably(join(folder, 'own-file'), Buffer.alloc(100_000)).then(
    () => 'written',
    describeError,
  ),
  ownFile: readFileSync(join(folder, 'own-file'), 'utf8'),
}
rmSync(ballast)
// ext4: what was freed may be written to once the journal has it.
run('sync', '-f', folder)
const second = await fill(store, 100_000)
seen['room again'] = { acknowledged: second.acknowledged.length, present: await present(store, second.acknowledged) }

const all = [...first.acknowledged, ...second.acknowledged]
const heldRevision = await store.revision()
// As after an error of the card: the kernel writes nothing more, and what is open stays open.
writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'by the lab')
seen['read-only'] = { write: await writeOne(store), present: await present(store, all) }
await store.close()
seen['start on a read-only disk'] = startOfAnother()

// The power is cut and the disk is checked, as at a boot.
run('umount', folder)
try {
  run('fsck.ext4', '-f', '-y', device)
} catch (error) {
  // 1: errors were corrected.
  if (!(error instanceof Error && 'status' in error && error.status === 1)) throw error
}
mountDisk()
rmSync(reserve)
// The lock of this very process, which a boot would have ended.
rmSync(`${path}.lock`, { force: true })
const again = await openSqliteStore({ path, now: Date.now() })
seen['after the boot'] = {
  present: await present(again, all),
  isAsOld: (await again.revision()) >= heldRevision,
  write: await writeOne(again),
}
await again.close()
run('umount', folder)
run('losetup', '--detach', device)
process.stdout.write(`${JSON.stringify(seen)}\n`)
