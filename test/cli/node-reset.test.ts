import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import {
  type ResetMachine,
  resetDevice,
  resetList,
  settingsIn,
  settingsWithToken,
} from '../../src/cli/node-reset/reset-device.ts'
import { aHub } from '../hub/identity/a-hub.ts'

t.test('the identity goes first, images and the owner’s policy stay', async t => {
  t.strictSame(
    resetList(['assignment.json', 'engine', 'identity', 'policy.yaml', 'preloaded-images.json', 'volumes']),
    ['identity', 'assignment.json', 'volumes'],
  )
  t.strictSame(resetList([]), [])
})

t.test('the token takes the place of the one that is there, and nothing else changes', async t => {
  t.equal(settingsWithToken('', 'T'), 'DUNLIN_JOIN_TOKEN=T\n')
  t.equal(settingsWithToken('A=1', 'T'), 'A=1\nDUNLIN_JOIN_TOKEN=T\n')
  t.equal(settingsWithToken('# x\n#DUNLIN_JOIN_TOKEN=dunlin1.…\nA=1\n', 'T'), '# x\nDUNLIN_JOIN_TOKEN=T\nA=1\n')
  t.equal(settingsWithToken('DUNLIN_JOIN_TOKEN=old\n', '$&'), 'DUNLIN_JOIN_TOKEN=$&\n')
  t.strictSame(settingsIn('# A=0\nDUNLIN_STORE=memory\nDUNLIN_NODE_NAME="barn"\n'), {
    DUNLIN_STORE: 'memory',
    DUNLIN_NODE_NAME: 'barn',
  })
})

/** A machine that writes down what is done to it, and may fail at one of the acts. */
const aMachine = (fails?: string) => {
  const done: string[] = []
  const act = (name: string) => async () => {
    done.push(name)
    if (name === fails) throw new Error(`cannot ${name}`)
  }
  const machine: ResetMachine = { stopAgent: act('stop'), takeDown: act('take down'), startAgent: act('start') }
  return { done, machine }
}

const aDevice = (t: Test) => {
  const folder = t.testdir()
  const stateFolder = `${folder}/state`
  for (const name of ['engine', 'volumes/x', 'identity']) mkdirSync(`${stateFolder}/${name}`, { recursive: true })
  writeFileSync(`${stateFolder}/assignment.json`, '{}')
  writeFileSync(`${stateFolder}/policy.yaml`, 'shell: no\n')
  const settingsFile = `${folder}/dunlin-agent`
  writeFileSync(settingsFile, '#DUNLIN_JOIN_TOKEN=dunlin1.…\n')
  return { stateFolder, settingsFile }
}

t.test('a reset ends the agent, takes its pods down, deletes its state, and joins anew', async t => {
  const { machine, done } = aMachine()
  const device = aDevice(t)
  const gone = await resetDevice(machine, { ...device, token: 'TOKEN' })
  t.strictSame(gone, ['identity', 'assignment.json', 'volumes'])
  t.strictSame(readdirSync(device.stateFolder).toSorted(), ['engine', 'policy.yaml'])
  t.strictSame(done, ['stop', 'take down', 'start'])
  t.equal(readFileSync(device.settingsFile, 'utf8'), 'DUNLIN_JOIN_TOKEN=TOKEN\n')
})

t.test('without a token it stays down', async t => {
  const { machine, done } = aMachine()
  const device = aDevice(t)
  await resetDevice(machine, { ...device, token: undefined })
  t.strictSame(done, ['stop', 'take down'])
  t.match(readFileSync(device.settingsFile, 'utf8'), /^#/)
})

t.test('pods that cannot be taken down keep the state: nothing is half deleted', async t => {
  const { machine, done } = aMachine('take down')
  const device = aDevice(t)
  await t.rejects(resetDevice(machine, { ...device, token: 'TOKEN' }), /cannot take down/)
  t.ok(existsSync(`${device.stateFolder}/identity`))
  t.strictSame(done, ['stop', 'take down'])
})

t.test('a device that was reset has other keys, and takes its name again with a token that replaces', async t => {
  const hub = await aHub(t)
  const device = aDevice(t)
  const { signal } = new AbortController()
  const join = async (order: { node?: string; replace?: boolean }) => {
    const { text } = await hub.identity.tokens.create({ ttlSeconds: 600, ...order })
    const identity = await openIdentity({ stateFolder: device.stateFolder })
    return enrol(identity, { hostName: 'b', arch: 'arm64', labels: {}, signal, nodeName: 'barn', token: text })
  }
  const first = await join({})
  await resetDevice(aMachine().machine, { ...device, token: undefined })
  await t.rejects(join({}), /is another board's .*--replace/)
  const second = await join({ node: 'barn', replace: true })
  t.equal(second.node.uid, first.node.uid)
  t.not(second.certificate, first.certificate)
})
