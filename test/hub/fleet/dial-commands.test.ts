import t from 'tap'
import type { HubLink } from '../../../src/agent/hub-link.ts'
import { aWorld } from './world.ts'

const dial = { action: 'dial', url: 'wss://hub:6443/dunlin/v1/sessions/t', token: 't' } as const

/** A node that is connected, and the dials that it was made to carry out. */
const aNode = async (t: { teardown(act: () => Promise<void>): void }) => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await world.join('attic')
  const dials: string[] = []
  const obey = (link: HubLink): void => {
    link.onCommand(async command => {
      if (command.action === 'dial') dials.push(command.id)
      return 'dialled'
    })
  }
  obey(await attic.start())
  world.bus.agent('attic').connect()
  await world.calm()
  const command = async () => {
    const result = world.fleet.command('attic', dial)
    await world.calm()
    return await result
  }
  const sent = () => {
    const found = world.bus.carried.filter(one => one.topic === 'd/cmd').at(-1)
    if (found === undefined) throw new Error('no command was sent')
    return found.bytes
  }
  return { world, attic, dials, obey, command, sent }
}

t.test('a dial is carried out once, however often it comes', async t => {
  const { world, dials, command, sent } = await aNode(t)
  t.match(await command(), { ok: true, message: 'dialled' })
  for (let again = 0; again < 3; again += 1) await world.bus.hub.publish('attic', 'd/cmd', sent())
  await world.calm()
  t.equal(dials.length, 1)
})

t.test('a dial that was carried out is not again after a restart of the agent', async t => {
  const { world, attic, dials, obey, command, sent } = await aNode(t)
  await command()
  await attic.stop()
  obey(await attic.start())
  world.bus.agent('attic').connect()
  await world.calm()
  await world.bus.hub.publish('attic', 'd/cmd', sent())
  await world.calm()
  t.equal(dials.length, 1)
})

t.test('a dial that comes after its time is not carried out', async t => {
  const { world, dials, command, sent } = await aNode(t)
  await command()
  dials.length = 0
  const held = sent()
  await world.clock.advance(16_000)
  await world.calm()
  await world.bus.hub.publish('attic', 'd/cmd', held)
  await world.calm()
  t.strictSame(dials, [])
})

t.test('a dial with one bit changed, cut short, of another node or on another topic is not carried out', async t => {
  const { world, dials, command, sent } = await aNode(t)
  const cellar = await world.join('cellar')
  await cellar.start()
  world.bus.agent('cellar').connect()
  await world.calm()
  const foreign = world.fleet.command('cellar', dial).catch(() => undefined)
  await world.calm()
  const forCellar = sent()
  await command()
  dials.length = 0
  const own = sent()
  for (let at = 0; at < own.length; at += 7) {
    const changed = Buffer.from(own)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    await world.bus.hub.publish('attic', 'd/cmd', changed)
  }
  await world.bus.hub.publish('attic', 'd/cmd', forCellar)
  await world.bus.hub.publish('attic', 'd/cmd', own.subarray(0, own.length - 1))
  await world.bus.hub.publish('attic', 'd/hub', own)
  await world.calm()
  t.strictSame(dials, [])
  await world.clock.advance(16_000)
  await foreign
})
