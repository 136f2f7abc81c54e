import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))
const walk = readFileSync(join(root, 'docs/one-pod.md'), 'utf8')

interface Place {
  readonly shown: string
  readonly linked: string
  readonly names: readonly string[]
}

/** A file of the walk, and the names in it that the reader is told to look for. */
const places: readonly Place[] = [
  ...walk.matchAll(/\[`(src\/[^`]+)`\]\(\.\.\/(src\/[^)]+)\)(?::((?: `[\w.]+`,?)+))?/g),
].map(([, shown = '', linked = '', names = '']) => ({
  shown,
  linked,
  names: [...names.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name),
}))

/** Each stop, from its number to the next one. */
const stops = walk.split(/^\*\*(?=\d+\.\*\*)/m).slice(1)

t.test('the walk has its stops in order, and each begins with a file and names in it', async t => {
  t.ok(stops.length >= 16 && stops.length <= 22, `${stops.length} stops`)
  for (const [at, stop] of stops.entries())
    t.match(stop, new RegExp(`^${at + 1}\\.\\*\\* \\[\`src/[^\`]+\`\\]\\([^)]+\\): \`\\w+\``), `stop ${at + 1}`)
})

t.test('the walk goes through all rooms of the house', async t => {
  const rooms = new Set(places.map(place => place.shown.split('/').slice(1, -1).join('/')))
  for (const room of ['cli/commands', 'hub/rest', 'api', 'hub/store', 'hub/controllers', 'core/workloads'])
    t.ok(rooms.has(room), room)
  for (const room of ['core/scheduling', 'hub/fleet', 'wire', 'agent/link', 'agent/pods', 'core/pods'])
    t.ok(rooms.has(room), room)
  for (const room of ['runtime-podman', 'netproxy', 'agent', 'core/services']) t.ok(rooms.has(room), room)
})

t.test('every link into the sources has the form that this test reads', async t => {
  t.equal(walk.match(/\]\(\.\.\/src\//g)?.length, places.length)
})

t.test('every file of the walk is there, and holds the names it is said to hold', async t => {
  for (const { shown, linked, names } of places) {
    t.equal(shown, linked, `the text and the link of ${shown} are the same`)
    if (!t.ok(existsSync(join(root, shown)), shown)) continue
    // What stands in a comment alone does not count.
    const text = readFileSync(join(root, shown), 'utf8').replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
    for (const name of names)
      t.match(text, new RegExp(`\\b(const|function|interface|type)\\s+${name}\\b|\\b${name}\\(`), `${name} in ${shown}`)
  }
})

t.test('what a sentence says of another file is a name of the sources', async t => {
  for (const [, name = '', shown = ''] of walk.matchAll(/`(\w+)` of \[`(src\/[^`]+)`\]/g))
    t.match(readFileSync(join(root, shown), 'utf8'), new RegExp(`export const ${name}\\b`), `${name} of ${shown}`)
})
