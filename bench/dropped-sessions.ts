import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ownWorld } from '../test/fleet/own-world.ts'

/*
 * A thousand sessions of every kind, opened and dropped: what hub, agent and engine hold afterwards beside what they held
 * before. `--times N`: how often each of the eight kinds (default 125).
 */
const world = ownWorld(import.meta.filename)
const { dropSessions } = await import('./drops/drop-sessions.ts')

const at = process.argv.indexOf('--times')
const times = at < 0 ? 125 : Number(process.argv[at + 1])
const result = await dropSessions(world, { times }, line => process.stdout.write(`${line}\n`))
const file = fileURLToPath(new URL('./results/dropped-sessions.json', import.meta.url))
const about = { bench: 'dropped sessions', date: new Date().toISOString(), node: process.versions.node }
writeFileSync(file, `${JSON.stringify({ ...about, ...result }, null, 2)}\n`)
process.exit(0)
