import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { Fault } from '../../../src/api/fault.ts'
import { identityDoors } from '../../../src/hub/identity/doors.ts'
import { openKeys } from '../../../src/hub/identity/keys.ts'
import { openIdentity, type WholeIdentity } from '../../../src/hub/identity/open-identity.ts'
import type { Door } from '../../../src/hub/rest/door.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { fakeStore } from '../../fakes/store.ts'
import { doorServer } from './door-server.ts'
import { fewObjects } from './few-objects.ts'

export const start = Date.parse('2026-11-24T12:00:00Z')
export const day = 86_400_000

/** Identity with real keys and TLS, its store and objects in memory, and a clock that the test sets. */
export const aHub = async (t: Test, before: { readonly keysFolder?: string } = {}) => {
  const clock = { time: start }
  const now = () => clock.time
  const keysFolder = before.keysFolder ?? `${t.testdir({})}/keys`
  const keys = await openKeys(keysFolder, { now, randomBytes, names: [] })
  const sound = fakeStore()
  let isFailing = false
  const store: Store = {
    ...sound,
    async transact(transaction) {
      if (!isFailing) return sound.transact(transaction)
      isFailing = false
      throw new Fault('Machine', 'the disk is full')
    },
  }
  const objects = fewObjects()
  let identity: WholeIdentity | undefined
  let doors: readonly Door[] = []
  const whole = () => {
    if (identity === undefined) throw new Error('identity is not open yet')
    return identity
  }
  const server = await doorServer(keys, whole, () => doors)
  const api = () => [server.address]
  const mqtt = () => ['127.0.0.1:8883']
  const shutOut: string[] = []
  const open = async () => {
    identity = await openIdentity({
      keys,
      store,
      objects,
      now,
      randomBytes,
      log: silentLog,
      api,
      mqtt,
    })
    identity.onShutOut(user => shutOut.push(user))
    doors = identityDoors({ identity, keys, api, mqtt })
    return identity
  }
  await open()
  t.teardown(async () => {
    await server.close()
    await store.close()
  })
  return {
    clock,
    keys,
    keysFolder,
    store,
    objects,
    server,
    shutOut,
    reopen: open,
    failNextWrite() {
      isFailing = true
    },
    get identity() {
      return whole()
    },
  }
}
