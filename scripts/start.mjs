/**
 * npm start: a whole fleet on this machine, from nothing: packages, a hub, an agent, a Deployment and its Service.
 * `--watch` takes it down and starts it again whenever a source changes.
 * This file runs on whatever Node started npm; the rest runs on the pinned one.
 */
import { spawn } from 'node:child_process'
import { ensureDebian, forAgent } from './setup-debian.mjs'
import { ensurePackages, fail, pinnedNode, root } from './setup-npm.mjs'
import { onSourceChange } from './watch-sources.mjs'

if (process.platform !== 'linux') fail(`the quick start runs on Linux; this is ${process.platform}.`)
ensurePackages()
ensureDebian(forAgent)
const node = pinnedNode()
const isAsked = process.argv.includes('--watch')
const given = process.argv.slice(2).filter(word => word !== '--watch')
const isRoot = process.getuid() === 0
// Nobody but root may end what root runs: with sudo it is root who watches.
const isWatching = isAsked && isRoot
const entry = isAsked && !isRoot ? ['scripts/start.mjs', '--watch'] : ['scripts/quickstart.ts']
const words = ['--disable-warning=ExperimentalWarning', `${root}${entry[0]}`, ...entry.slice(1), ...given]
const [program, args] = isRoot ? [node, words] : ['sudo', [node, ...words]]

let isEnding = false
let hasChanged = false
let child

/** The quick start, again and again while sources change under it. It takes its fleet down before it ends. */
const run = () => {
  hasChanged = false
  child = spawn(program, args, { stdio: 'inherit' })
  child.on('exit', (code, signal) => {
    child = undefined
    if (isWatching && !isEnding) {
      if (hasChanged) return run()
      // It could not start, as a source is wrong: the next change is another try.
      if (code !== 0) return void process.stdout.write('dunlin: waiting for a source to change …\n')
    }
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 1))
  })
}

if (isWatching) {
  onSourceChange(path => {
    if (!hasChanged) process.stdout.write(`\ndunlin: ${path} has changed; starting again\n`)
    hasChanged = true
    if (child === undefined) run()
    else child.kill('SIGTERM')
  })
}

// Ctrl-C reaches the child by itself, as they share the terminal; a SIGTERM to npm alone is passed on.
const end = pass => () => {
  isEnding = true
  if (child === undefined) process.exit(130)
  if (pass) child.kill('SIGTERM')
}
process.on('SIGINT', end(false))
process.on('SIGTERM', end(true))
run()
