import t from 'tap'
import type { Node, Pod } from '../../../src/api/types.ts'
import { nodeRoom } from '../../../src/core/scheduling/node-room.ts'
import { schedulePod } from '../../../src/core/scheduling/schedule-pod.ts'
import { type ControllerParts, restFor, runController } from '../../../src/hub/controllers/controller.ts'
import { fleetRooms } from '../../../src/hub/controllers/fleet-rooms.ts'
import { makeIndexes } from '../../../src/hub/controllers/indexes.ts'
import { siteHealth } from '../../../src/hub/controllers/site-health.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { settle } from '../../fakes/clock.ts'
import { controlled } from '../../support/controlled.ts'

/* What one change costs must not grow with the fleet: counted, never timed. */

const aNode = (name: string, status?: string, site = 'default'): Node => ({
  metadata: { name, labels: { 'dunlin.io/site': site } },
  status: {
    allocatable: { cpu: '4', memory: '1Gi', pods: '110' },
    ...(status === undefined ? {} : { conditions: [{ type: 'Ready', status }] }),
  },
})
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
}

t.test('a pod looks at so many nodes as are good enough, however many there are', async t => {
  let looked = 0
  const rooms = function* () {
    for (let number = 0; number < 16_000; number += 1) {
      looked += 1
      yield nodeRoom(aNode(`n${number}`, 'True'), [])
    }
  }
  t.match(schedulePod(pod, rooms()), { action: 'bind' })
  t.equal(looked, 500)
})

t.test('each walk through the rooms begins where the last was left, and meets every node once', async t => {
  const world = await controlled(t)
  for (const name of ['a', 'b', 'c', 'd']) await world.addNode(name)
  const indexes = makeIndexes(world.objects)
  const rooms = fleetRooms(world.objects, indexes)
  t.teardown(() => {
    rooms.stop()
    indexes.stop()
  })
  const first: string[] = []
  for (const room of rooms.walk()) {
    first.push(room.name)
    if (first.length === 3) break
  }
  t.strictSame(first, ['a', 'b', 'c'])
  t.strictSame(
    [...rooms.walk()].map(room => room.name),
    ['d', 'a', 'b', 'c'],
  )
  await world.addNode('e')
  t.equal([...rooms.walk()].length, 5)
})

t.test('a site is lost or back as a whole at the node that makes it so, and tells it once', async t => {
  const { objects } = await controlled(t)
  for (const name of ['a', 'b', 'c']) await objects.create<Node>('Node', aNode(name))
  const health = siteHealth(objects)
  t.teardown(health.stop)
  const turned: string[] = []
  health.onTurn(site => turned.push(`${site} ${health.isLost(site) ? 'lost' : 'back'}`))
  const say = (name: string, status: string) =>
    objects.modify<Node>('Node', { namespace: '', name }, now => ({ ...now, status: aNode(name, status).status }), {
      subresource: 'status',
    })
  for (const name of ['a', 'b', 'c']) await say(name, 'True')
  t.strictSame(turned, [])
  await say('a', 'Unknown')
  t.equal(health.isLost('default'), false)
  await say('b', 'Unknown')
  await say('c', 'Unknown')
  await say('c', 'True')
  t.strictSame(turned, ['default lost'])
  await objects.delete('Node', { namespace: '', name: 'b' })
  t.strictSame(turned, ['default lost', 'default back'], 'a node that is removed counts no longer')
  t.equal(health.isLost('nowhere'), false)
})

t.test('a key that looks at many objects is run once for all that changes in its rest', async t => {
  const { clock, objects } = await controlled(t)
  let add = (_key: string): void => {}
  const ran: string[] = []
  const parts = { objects, clock, log: silentLog } as Partial<ControllerParts> as ControllerParts
  const controller = runController({
    name: 'test',
    parts,
    restMs: key => restFor(key === 'large' ? 2000 : 10),
    run: async key => {
      ran.push(key)
      return undefined
    },
    listen: queue => {
      add = key => queue.add(key)
      return []
    },
  })
  controller.start()
  t.teardown(controller.close)
  for (let change = 0; change < 100; change += 1) {
    add('large')
    add('small')
    await settle(3)
  }
  t.equal(ran.filter(key => key === 'large').length, 1)
  t.equal(ran.filter(key => key === 'small').length, 100)
  await clock.advance(2000)
  t.equal(ran.filter(key => key === 'large').length, 2, 'what changed meanwhile is not forgotten')
  await clock.advance(60_000)
  add('large')
  await settle(3)
  t.equal(ran.filter(key => key === 'large').length, 3, 'after a quiet time at once')
})
