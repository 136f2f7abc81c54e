/*
 * Loaded into hub and agent by `--import` while they are watched: at SIGUSR2 the process writes what only it can count to
 * $DUNLIN_COUNTS/<role>.json. Plain JavaScript, so that it costs the agent no type stripping.
 *   plain file `deep` in that folder: objects are counted too, which collects garbage first
 */
import EventEmitter, { getEventListeners } from 'node:events'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { queryObjects } from 'node:v8'

const folder = process.env.DUNLIN_COUNTS
const role = process.argv.includes('hub') ? 'hub' : process.argv.some(word => word.endsWith('dunlin-agent.js')) ? 'agent' : undefined

/** What listeners were ever put on, as far as it is still there. */
const emitters = new Set()
const targets = new Map()
const remember = (prototype, methods, note) => {
  for (const method of methods) {
    const original = prototype[method]
    prototype[method] = function (name, ...rest) {
      note(this, name)
      return original.call(this, name, ...rest)
    }
  }
}
const known = new WeakSet()

/** What has gone is forgotten whenever twice as much was remembered as was left the last time. */
let pruneAt = 256
const prune = () => {
  for (const ref of emitters) if (ref.deref() === undefined) emitters.delete(ref)
  for (const ref of targets.keys()) if (ref.deref() === undefined) targets.delete(ref)
  pruneAt = Math.max(256, 2 * (emitters.size + targets.size))
}

if (folder !== undefined && role !== undefined) {
  // Node keeps a map of the names of errors from its first one on: it is there from the start, or it would look like growth.
  getSystemErrorName(-2)
  remember(EventEmitter.prototype, ['on', 'addListener', 'prependListener'], emitter => {
    if (known.has(emitter)) return
    known.add(emitter)
    emitters.add(new WeakRef(emitter))
    if (emitters.size + targets.size > pruneAt) prune()
  })
  remember(EventTarget.prototype, ['addEventListener'], (target, name) => {
    if (known.has(target)) return void targetNames.get(target)?.add(name)
    known.add(target)
    const names = new Set([name])
    targetNames.set(target, names)
    targets.set(new WeakRef(target), names)
  })
  process.on('SIGUSR2', write)
}
const targetNames = new WeakMap()

function write() {
  const objects = existsSync(`${folder}/deep`) ? { maps: entriesOf(Map, targets), sets: entriesOf(Set, emitters) } : {}
  prune()
  let listeners = 0
  for (const ref of emitters) {
    const emitter = ref.deref()
    for (const name of emitter?.eventNames() ?? []) listeners += emitter.listenerCount(name)
  }
  for (const [ref, names] of targets) {
    const target = ref.deref()
    if (target !== undefined) for (const name of names) listeners += getEventListeners(target, name).length
  }
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const { heapUsed, external } = process.memoryUsage()
  const counts = { timers: resources.Timeout ?? 0, resources, listeners, ...objects, heapUsed, external }
  writeFileSync(`${folder}/${role}.json.tmp`, JSON.stringify(counts))
  renameSync(`${folder}/${role}.json.tmp`, `${folder}/${role}.json`)
}

/** How many there are, and how much is in all of them; our own is left out. */
function entriesOf(type, own) {
  const said = queryObjects(type, { format: 'summary' })
  const entries = said.reduce((sum, one) => sum + Number(/^\w+\((\d+)\)/.exec(one)?.[1] ?? 0), 0)
  return { count: said.length, entries: entries - own.size }
}
