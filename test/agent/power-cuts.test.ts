import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enrol, renew } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { openDocumentSlot } from '../../src/agent/link/document-slot.ts'
import { forgetOrder } from '../../src/agent/link/forget-order.ts'
import { openSeenCommands } from '../../src/agent/link/seen-commands.ts'
import { openPodMemories } from '../../src/agent/pods/pod-memories.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import type { PodMemory } from '../../src/core/pods/memory.ts'
import { parseCidr } from '../../src/core/services/cidr.ts'
import { silentLog } from '../../src/lib/log.ts'
import { addressBook } from '../../src/netproxy/address-book.ts'
import { hostChanges } from '../../src/netproxy/host-changes.ts'
import { parseAssignment } from '../../src/wire/parse-assignment.ts'
import type { Held } from '../../src/wire/payloads.ts'
import { anAssignment, aPod } from '../fakes/builders.ts'
import { manualClock } from '../fakes/clock.ts'
import { aHub } from '../hub/identity/a-hub.ts'
import { folderOf } from '../support/folder-of.ts'
import { atEveryCut } from '../support/power-cut.ts'

const { signal } = new AbortController()
const device = { hostName: 'attic', arch: 'arm64', labels: {}, signal }
const log = silentLog

t.test('a device whose power goes at any moment of its first start joins with its one token', async t => {
  const folder = `${folderOf(t)}/state`
  const hub = await aHub(t)
  const { text: token } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  let uid = ''
  const states = await atEveryCut({
    folder,
    async deed(mark) {
      const identity = await openIdentity({ stateFolder: folder })
      mark('the token is sent')
      uid = (await enrol(identity, { ...device, token })).node.uid
      mark('joined')
    },
    async next(cut) {
      const identity = await openIdentity({ stateFolder: cut.folder })
      const { membership } = identity
      if (cut.passed.has('joined')) t.equal(membership?.node.uid, uid, cut.name)
      if (membership !== undefined) {
        t.ok(new X509Certificate(membership.certificate).checkPrivateKey(identity.tlsKey), cut.name)
      } else if (cut.passed.has('the token is sent'))
        t.equal((await enrol(identity, { ...device, token })).node.uid, uid, `${cut.name}: the token is not lost`)
    },
  })
  t.ok(states > 10, `${states} states`)
})

t.test('a renewal that is cut short leaves the old certificate or the new', async t => {
  const folder = `${folderOf(t)}/state`
  const hub = await aHub(t)
  const { text: token } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const identity = await openIdentity({ stateFolder: folder })
  const before = await enrol(identity, { ...device, token })
  hub.clock.time += 300 * 86_400_000
  await atEveryCut({
    folder,
    async deed(mark) {
      await renew(identity, signal)
      mark('renewed')
    },
    async next(cut) {
      const { membership } = await openIdentity({ stateFolder: cut.folder })
      const isOld = membership?.certificate === before.certificate
      const isNew = membership?.certificate === identity.membership?.certificate
      t.ok(isNew || (isOld && !cut.passed.has('renewed')), cut.name)
    },
  })
})

const heldAt = (revision: number): Held => ({
  tuple: { incarnation: 1, revision, term: 1 },
  digest: revision.toString(16).padStart(64, '0'),
})

const slotIn = (folder: string) =>
  openDocumentSlot<Assignment>({
    folder,
    name: 'assignment',
    parse: parseAssignment(),
    orderMs: 0,
    clock: manualClock(),
    log: { ...silentLog, error: (message: string) => t.fail(message) },
  })

t.test('of assignments that follow each other, an acknowledged one or a newer is there, and whole', async t => {
  const folder = `${folderOf(t)}/state`
  const documents = [1, 2, 3].map(count =>
    anAssignment({ pods: Array.from({ length: count }, (_, index) => aPod({}, { uid: `uid-${index}` })) }),
  )
  const states = await atEveryCut({
    folder,
    async deed(mark) {
      const slot = await slotIn(folder)
      await slot.confirm(heldAt(0))
      for (const [index, document] of documents.entries()) {
        await slot.offer(document, heldAt(index + 1))
        mark(String(index + 1))
      }
      // The same content at a later revision: only its order is written.
      await slot.confirm({ tuple: { incarnation: 1, revision: 9, term: 1 }, digest: heldAt(3).digest })
      await slot.close()
    },
    async next(cut) {
      const slot = await slotIn(cut.folder)
      const acknowledged = Math.max(0, ...[...cut.passed].map(Number).filter(Number.isInteger))
      const there = slot.document?.pods.length ?? 0
      t.ok(there >= acknowledged, `${cut.name}: ${there} of ${acknowledged}`)
      if (there === 0) t.equal(slot.held, undefined, cut.name)
      else t.equal(slot.held?.digest, heldAt(there).digest, cut.name)
      t.strictSame(slot.document, there === 0 ? undefined : documents[there - 1], cut.name)
    },
  })
  t.ok(states > 10, `${states} states`)
})

t.test('a move to another hub that is cut short keeps the pods, and never takes the old order for the new', async t => {
  const folder = `${folderOf(t)}/state`
  const slot = await slotIn(folder)
  await slot.confirm(heldAt(0))
  await slot.offer(anAssignment({ pods: [aPod()] }), heldAt(7))
  await slot.confirm({ tuple: { incarnation: 1, revision: 9, term: 1 }, digest: heldAt(7).digest })
  await slot.close()
  await atEveryCut({
    folder,
    async deed(mark) {
      await forgetOrder(folder, log)
      mark('forgotten')
    },
    async next(cut) {
      const { document, held } = await slotIn(cut.folder)
      t.equal(document?.pods.length, 1, cut.name)
      if (cut.passed.has('forgotten')) t.equal(held?.tuple.revision, 0, cut.name)
      else t.ok([0, 7, 9].includes(held?.tuple.revision ?? -1), cut.name)
    },
  })
})

t.test('a command that was begun is not begun again after a power cut', async t => {
  const folder = `${folderOf(t)}/state`
  await atEveryCut({
    folder,
    async deed(mark) {
      const seen = await openSeenCommands(folder, log)
      for (const id of ['a', 'b', 'c']) {
        await seen.note(id, 2000, 1000)
        mark(id)
      }
    },
    async next(cut) {
      const seen = await openSeenCommands(cut.folder, log)
      for (const id of ['a', 'b', 'c'])
        if (cut.passed.has(id)) t.equal(await seen.note(id, 2000, 1000), 'again', `${cut.name}: ${id}`)
    },
  })
})

t.test('what was learned of pods is there as it was written last, or as before', async t => {
  const root = folderOf(t)
  const folder = `${root}/state`
  const memory = (restarts: number): PodMemory => ({
    uid: 'uid-1',
    namespace: 'default',
    name: 'web',
    startedAt: '2026-11-24T12:00:00Z',
    graceSeconds: 30,
    sidecars: [],
    isInitialized: true,
    containers: { web: { attempt: restarts, ranHash: `v1:${restarts}` } },
    activeMs: 0,
    transitions: {},
  })
  const clock = manualClock()
  const open = (stateFolder: string) =>
    openPodMemories({
      stateFolder,
      runFolder: `${stateFolder}-run`,
      clock,
      log: { ...silentLog, warn: (message: string) => t.fail(message) },
    })
  await atEveryCut({
    folder,
    async deed(mark) {
      const memories = await open(folder)
      for (const restarts of [1, 2]) {
        memories.set(memory(restarts))
        await memories.flush()
        mark(String(restarts))
      }
      await memories.close()
    },
    async next(cut) {
      const memories = await open(cut.folder)
      const written = Math.max(0, ...[...cut.passed].map(Number).filter(Number.isInteger))
      t.ok((memories.get('uid-1')?.containers['web']?.attempt ?? 0) >= written, cut.name)
      await memories.close()
    },
  })
})

t.test('a pod keeps its address, and no two pods get one', async t => {
  const folder = `${folderOf(t)}/state`
  const range = parseCidr('10.64.0.0/25')!
  const given = new Map<string, string>()
  await atEveryCut({
    folder,
    async deed(mark) {
      const book = addressBook(join(folder, 'network/addresses.json'))
      await book.useRange(range)
      for (const uid of ['a', 'b', 'c']) {
        given.set(uid, await book.give(uid, []))
        mark(uid)
      }
      await book.forget('a')
      mark('forgotten')
    },
    async next(cut) {
      const book = addressBook(join(cut.folder, 'network/addresses.json'))
      await book.load()
      await book.useRange(range)
      for (const uid of ['b', 'c']) if (cut.passed.has(uid)) t.equal(await book.give(uid, []), given.get(uid), cut.name)
      for (const uid of ['d', 'e']) await book.give(uid, [])
      const addresses = [...book.entries().values()].map(entry => entry.ip)
      t.equal(new Set(addresses).size, addresses.length, cut.name)
    },
  })
})

t.test('the record of what was changed on the host is whole or not there', async t => {
  const folder = `${folderOf(t)}/state`
  const path = (root: string) => join(root, 'network/host-changes.json')
  const rule = (chain: string) => ({ family: 'ip', table: 'filter', chain })
  await atEveryCut({
    folder,
    async deed(mark) {
      const changes = hostChanges(path(folder))
      await changes.load()
      for (const chain of ['input', 'forward']) {
        await changes.recordAccept(rule(chain))
        mark(chain)
      }
      await changes.putBack()
      mark('put back')
    },
    async next(cut) {
      const changes = hostChanges(path(cut.folder))
      await changes.load()
      const chains = changes.accepts().map(one => one.chain)
      if (cut.passed.has('put back')) t.strictSame(chains, [], cut.name)
      else if (cut.passed.has('forward')) t.ok(['0', '2'].includes(String(chains.length)), cut.name)
      else if (cut.passed.has('input')) t.ok(chains.includes('input'), cut.name)
    },
  })
})

t.test('the states that are laid out are those of a disk: a key whose folder was not synced can be lost', async t => {
  const { writeNewFile, makeFolderDurably } = await import('../../src/lib/durable-file.ts')
  const folder = `${folderOf(t)}/state`
  const kinds = new Set<string>()
  await atEveryCut({
    folder,
    async deed() {
      await makeFolderDurably(join(folder, 'keys'))
      await writeNewFile(join(folder, 'keys/a'), 'content')
    },
    async next(cut) {
      try {
        kinds.add(readFileSync(join(cut.folder, 'keys/a'), 'utf8'))
      } catch {
        kinds.add('absent')
      }
    },
  })
  t.strictSame([...kinds].toSorted(), ['', 'absent', 'con', 'content'])
})
