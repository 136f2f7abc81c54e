/**
 * Brings the npm packages that the lock file names, unless they are there already, and finds the pinned Node.
 * Plain JavaScript without any package: it runs on whatever Node (20 or later) started npm.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = `${root}node_modules/.dunlin-lock`

/** Ends the process with a sentence that says what to do. */
export const fail = message => {
  process.stderr.write(`dunlin: ${message}\n`)
  process.exit(1)
}

/** Installs packages where the lock file has changed since the last time. */
export const ensurePackages = () => {
  // A linked folder is filled by its owner.
  if (lstatSync(`${root}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink()) return
  const wanted = createHash('sha256').update(readFileSync(`${root}package-lock.json`)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stderr.write('dunlin: installing npm packages (once, half a minute) …\n')
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (done.status !== 0) fail('npm ci failed (its message is above). Check the network and the npm registry, then run this again.')
  writeFileSync(stamp, wanted)
}

/** The pinned Node's binary. */
export const pinnedNode = () => {
  const path = `${root}node_modules/node-linux-${process.arch}/bin/node`
  if (existsSync(path)) return path
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  return fail(`no pinned Node for linux-${process.arch} in node_modules. Install Node 24 or later and run this again.`)
}
