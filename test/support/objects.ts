import type { Test } from 'tap'
import type { Kind } from '../../src/api/kind.ts'
import type { Admission } from '../../src/hub/ports.ts'
import { type HubObjects, openObjects } from '../../src/hub/store/open-objects.ts'
import type { Store } from '../../src/hub/store/store.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fakeStore } from '../fakes/store.ts'
import { testKinds } from './kinds.ts'

/** Seals by turning every byte around: enough to see that nothing lies in clear. */
export const testAtRest = {
  seal: (plain: Uint8Array) => plain.map(byte => byte ^ 0x55),
  open: (sealed: Uint8Array) => sealed.map(byte => byte ^ 0x55),
}

export interface TestObjects extends HubObjects {
  readonly store: Store
  /** Milliseconds that go on when a test says so. */
  readonly clock: { now: number }
}

/** Objects on a store in memory, with the namespace `default`, a still clock and countable uids. */
export const someObjects = async (
  t: Test,
  of: { readonly store?: Store; readonly kinds?: readonly Kind[]; readonly admission?: Admission } = {},
): Promise<TestObjects> => {
  const store = of.store ?? fakeStore()
  const clock = { now: Date.parse('2026-01-02T03:04:05.678Z') }
  let uids = 0
  const objects = openObjects({
    store,
    kinds: of.kinds ?? testKinds,
    admission: of.admission ?? {},
    atRest: testAtRest,
    now: () => clock.now,
    newUid: () => {
      uids += 1
      return `00000000-0000-4000-8000-${String(uids).padStart(12, '0')}`
    },
    random: () => 0.5,
    log: silentLog,
  })
  t.teardown(() => objects.close())
  await objects.synced()
  if (objects.get('Namespace', { namespace: '', name: 'default' }) === undefined) {
    await objects.create('Namespace', { metadata: { name: 'default' } })
  }
  return Object.assign(objects, { store, clock })
}
