import { fetchKubectl } from '../kubectl/fetch-kubectl.ts'
import { ownWorld } from './own-world.ts'

/*
 * kubectl, stopped in the middle of a flood: it costs hub and agent a mebibyte at most, and nobody else anything.
 * `npm run bench -- frozen-clients` has the figures.
 */
// Fetched outside: the test's own world has no way to Debian.
const kubectl = await fetchKubectl('sid')
const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { freezeClients } = await import('../../bench/drops/freeze-clients.ts')

const { before, after, clients, bytes, answered, readOn } = await freezeClients(
  world,
  { kubectl: kubectl.path, clients: 12 },
  line => t.comment(line),
)

for (const role of ['hub', 'agent'] as const) {
  t.test(`a client that does not read costs the ${role} a mebibyte at most`, async t => {
    const held = (after[role].held - before[role].held) / 1024 / clients
    t.ok(held <= 1024, `${held} KiB of objects and buffers each`)
    // With what V8 and the allocator have taken besides, and do not soon give back.
    const anonymous = (after[role].anonymous - before[role].anonymous) / clients
    t.ok(anonymous <= 3 * 1024, `${anonymous} KiB of anonymous memory each`)
  })
}

t.test('others are served meanwhile, and whoever wakes up reads on', async t => {
  t.equal(answered, 'hello\n')
  t.ok(readOn)
  t.ok(
    bytes.every(one => one < 4 * 1024 * 1024),
    `what was sent to each: ${bytes}`,
  )
})
