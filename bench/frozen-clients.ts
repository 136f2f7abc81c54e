import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ownWorld } from '../test/fleet/own-world.ts'
import { fetchKubectl } from '../test/kubectl/fetch-kubectl.ts'

/*
 * Fifty kubectls that are stopped in the middle of a flood: what each costs hub and agent in memory.
 */
// Fetched outside: this world has no way to Debian.
const kubectl = await fetchKubectl('sid')
const world = ownWorld(import.meta.filename)
const { freezeClients } = await import('./drops/freeze-clients.ts')

const plan = { kubectl: kubectl.path, clients: 50 }
const result = await freezeClients(world, plan, line => process.stdout.write(`${line}\n`))
const file = fileURLToPath(new URL('./results/frozen-clients.json', import.meta.url))
const about = { bench: 'frozen clients', date: new Date().toISOString(), node: process.versions.node }
writeFileSync(file, `${JSON.stringify({ ...about, ...result }, null, 2)}\n`)
process.exit(0)
