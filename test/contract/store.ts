import type { Test } from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { Store, StoreEvent, StoreOperation } from '../../src/hub/store/store.ts'
import { fails } from '../support/fails.ts'
import fc from '../support/fast-check.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value)
const put = (key: string, value: string): StoreOperation => ({ operation: 'put', key, value: bytes(value) })
const remove = (key: string): StoreOperation => ({ operation: 'delete', key })

const write = (store: Store, ...operations: StoreOperation[]) => store.transact({ compare: [], operations })

/** Reads a watch until it has seen `count` events. */
export const take = async (
  store: Store,
  prefix: string,
  from: number,
  count: number,
): Promise<readonly (readonly StoreEvent[])[]> => {
  const stop = new AbortController()
  const seen: (readonly StoreEvent[])[] = []
  for await (const events of store.watch(prefix, from, stop.signal)) {
    seen.push(events)
    if (seen.flat().length >= count) break
  }
  stop.abort()
  return seen
}

const told = (events: readonly StoreEvent[]): string[] =>
  events.map(one => `${one.revision} ${one.type} ${one.key} ${text(one.value)}`)

/** What every store keeps, in memory, in a file or elsewhere. `open` gives an empty one. */
export const storeContract = (t: Test, open: (t: Test) => Promise<Store>): void => {
  t.test('a new key has create and mod revision of its transaction and version 1', async t => {
    const store = await open(t)
    const start = await store.revision()
    const { committed, revision } = await write(store, put('/a', 'one'))
    t.ok(committed)
    t.equal(revision, start + 1)
    t.equal(await store.revision(), revision)
    const found = await store.get('/a')
    t.match(found, { key: '/a', createRevision: revision, modRevision: revision, version: 1 })
    t.equal(text(found?.value), 'one')
    t.equal(await store.get('/b'), undefined)
  })

  t.test('a second write keeps the create revision; a key made again starts anew', async t => {
    const store = await open(t)
    const first = await write(store, put('/a', '1'))
    const second = await write(store, put('/a', '2'))
    t.match(await store.get('/a'), { createRevision: first.revision, modRevision: second.revision, version: 2 })
    await write(store, remove('/a'))
    t.equal(await store.get('/a'), undefined)
    const again = await write(store, put('/a', '3'))
    t.match(await store.get('/a'), { createRevision: again.revision, version: 1 })
  })

  t.test('a comparison that does not hold changes nothing', async t => {
    const store = await open(t)
    const { revision } = await write(store, put('/a', '1'))
    for (const compare of [
      [{ key: '/a', modRevision: 0 }],
      [{ key: '/a', modRevision: revision + 1 }],
      [{ key: '/none', modRevision: revision }],
      [
        { key: '/a', modRevision: revision },
        { key: '/none', modRevision: 7 },
      ],
    ]) {
      t.strictSame(await store.transact({ compare, operations: [put('/a', 'x'), put('/b', 'x')] }), {
        committed: false,
        revision,
      })
    }
    t.equal(text((await store.get('/a'))?.value), '1')
    t.equal(await store.get('/b'), undefined)
    const held = await store.transact({
      compare: [
        { key: '/a', modRevision: revision },
        { key: '/b', modRevision: 0 },
      ],
      operations: [put('/a', '2'), put('/b', '2')],
    })
    t.strictSame(held, { committed: true, revision: revision + 1 })
  })

  t.test('of many writers with one expectation, one wins', async t => {
    const store = await open(t)
    const tries = Array.from({ length: 50 }, (_, i) =>
      store.transact({ compare: [{ key: '/a', modRevision: 0 }], operations: [put('/a', String(i))] }),
    )
    const won = (await Promise.all(tries)).filter(one => one.committed)
    t.equal(won.length, 1)
    t.match(await store.get('/a'), { version: 1, modRevision: won[0]?.revision })
  })

  t.test('operations of one transaction share one revision; deleting what is not there makes none', async t => {
    const store = await open(t)
    const { revision } = await write(store, put('/a', '1'), put('/b', '1'))
    t.equal((await store.get('/a'))?.modRevision, revision)
    t.equal((await store.get('/b'))?.modRevision, revision)
    t.strictSame(await write(store, remove('/none')), { committed: true, revision })
    await fails(t, write(store, put('/a', '1'), remove('/a')), 'BadRequest')
  })

  t.test('a range is in key order, by prefix, in pages', async t => {
    const store = await open(t)
    for (const name of ['c', 'a', 'e', 'b', 'd']) await write(store, put(`/p/${name}`, name))
    await write(store, put('/p', 'x'), put('/q/a', 'x'), put('/p0', 'x'))
    const names = (of: { readonly entries: readonly { readonly value: Uint8Array }[] }) =>
      of.entries.map(one => text(one.value)).join('')
    const all = await store.range('/p/')
    t.equal(names(all), 'abcde')
    t.match(all, { more: false, count: 5, revision: await store.revision() })
    const first = await store.range('/p/', { limit: 2 })
    t.equal(names(first), 'ab')
    t.match(first, { more: true, count: 5 })
    const second = await store.range('/p/', { limit: 3, after: '/p/b' })
    t.equal(names(second), 'cde')
    t.equal(second.more, false)
  })

  t.test('a range as of an old revision shows what was there then', async t => {
    const store = await open(t)
    await write(store, put('/p/a', '1'))
    const { revision: then } = await write(store, put('/p/b', '1'))
    await write(store, put('/p/a', '2'))
    await write(store, remove('/p/b'))
    await write(store, put('/p/c', '1'))
    const old = await store.range('/p/', { revision: then })
    t.strictSame(
      old.entries.map(one => `${one.key}=${text(one.value)}`),
      ['/p/a=1', '/p/b=1'],
    )
    t.equal(old.revision, then)
  })

  t.test('a watch from a revision tells what came after it, each revision whole, then what comes', async t => {
    const store = await open(t)
    const { revision: start } = await write(store, put('/p/a', '1'))
    await write(store, put('/p/b', '1'), put('/q', 'x'), put('/p/c', '1'))
    await write(store, put('/q', 'y'))
    const watching = take(store, '/p/', start, 4)
    await write(store, remove('/p/b'))
    await write(store, put('/p/c', '2'))
    t.strictSame(told((await watching).flat()), [
      `${start + 1} put /p/b 1`,
      `${start + 1} put /p/c 1`,
      `${start + 3} delete /p/b 1`,
      `${start + 4} put /p/c 2`,
    ])
  })

  t.test('a watcher that lags behind thousands of events misses none of them', async t => {
    const store = await open(t)
    const start = await store.revision()
    const stop = new AbortController()
    const reader = store.watch('/p/', start, stop.signal)[Symbol.asyncIterator]()
    await write(store, put('/p/first', '0'))
    const seen: StoreEvent[] = [...((await reader.next()).value ?? [])]
    for (let batch = 0; batch < 30; batch += 1) {
      await Promise.all(Array.from({ length: 200 }, (_, i) => write(store, put(`/p/${batch}-${i}`, 'x'))))
    }
    while (seen.length < 6001) seen.push(...((await reader.next()).value ?? []))
    stop.abort()
    t.strictSame(
      seen.map(one => one.revision),
      Array.from({ length: 6001 }, (_, i) => start + 1 + i),
    )
  })

  t.test('compaction forgets the past and keeps the present', async t => {
    const store = await open(t)
    const first = await write(store, put('/p/a', '1'))
    await write(store, put('/p/a', '2'))
    await write(store, put('/p/gone', '1'))
    const { revision } = await write(store, remove('/p/gone'))
    await write(store, put('/p/a', '3'))
    await store.compact(revision)
    await fails(t, take(store, '/p/', first.revision, 1), 'Expired')
    await fails(t, store.range('/p/', { revision: first.revision }), 'Expired')
    t.strictSame(told((await take(store, '/p/', revision, 1)).flat()), [`${revision + 1} put /p/a 3`])
    const then = await store.range('/p/', { revision })
    t.strictSame(
      then.entries.map(one => text(one.value)),
      ['2'],
    )
    t.equal(text((await store.get('/p/a'))?.value), '3')
    t.equal((await store.get('/p/a'))?.version, 3)
  })

  t.test('a watch ends when it is called off, and when the store closes; then nothing more is done', async t => {
    const store = await open(t)
    const stop = new AbortController()
    const one = take2(store, stop.signal)
    stop.abort()
    await one
    const other = take2(store, new AbortController().signal)
    await store.close()
    await other
    await fails(t, store.get('/a'), 'Unavailable')
  })

  t.test('whatever is written, the past can be read, and watching from the start rebuilds the present', async t => {
    const key = fc.constantFrom('/p/a', '/p/b', '/p/c', '/p/d')
    const operation = fc.oneof(
      fc.record({ operation: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 20 }) }),
      fc.record({ operation: fc.constant('delete' as const), key }),
    )
    const transactions = fc.array(fc.uniqueArray(operation, { maxLength: 3, selector: one => one.key }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(transactions, async of => {
        const store = await open(t)
        const start = await store.revision()
        const then = new Map<number, string>()
        const shown = async (revision?: number): Promise<string> => {
          const { entries } = await store.range('/p/', revision === undefined ? {} : { revision })
          return entries.map(one => `${one.key}=${text(one.value)} ${one.modRevision} ${one.version}`).join(', ')
        }
        for (const operations of of) {
          const { revision } = await store.transact({ compare: [], operations })
          then.set(revision, await shown())
        }
        for (const [revision, was] of then) t.equal(await shown(revision), was, 'the past stays what it was')
        const end = await store.revision()
        await write(store, put('/p/end', 'x'))
        const rebuilt = new Map<string, string>()
        const stop = new AbortController()
        for await (const events of store.watch('/p/', start, stop.signal)) {
          for (const event of events) {
            if (event.revision > end) stop.abort()
            else if (event.type === 'put') rebuilt.set(event.key, text(event.value))
            else rebuilt.delete(event.key)
          }
        }
        const { entries } = await store.range('/p/', { revision: end })
        t.strictSame(
          Object.fromEntries([...rebuilt].toSorted()),
          Object.fromEntries(entries.map(one => [one.key, text(one.value)])),
        )
        await store.close()
      }),
      { numRuns: 10 },
    )
  })
}

const take2 = async (store: Store, signal: AbortSignal): Promise<void> => {
  try {
    for await (const events of store.watch('/none/', 0, signal)) {
      if (events.length > 0) return
    }
  } catch (error) {
    if (!isFault(error, 'Unavailable')) throw error
  }
}
