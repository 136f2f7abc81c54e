import { writeSync } from 'node:fs'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import type { StoreOperation } from '../../src/hub/store/store.ts'
import { type Occasion, randomFrom, wholeValue } from './plan.ts'

/*
 * One life of the store, until it is killed. Says on standard output, before each write, what it tries, and after it the
 * revision that was acknowledged: each line is in the pipe before the next act, where no kill can take it back.
 *
 *   begin                             (opening follows)
 *   open INCARNATION TERM REVISION
 *   try WRITER NUMBER TAG KEY…       ("-" before a key: it is deleted)
 *   ack WRITER NUMBER REVISION
 */

/** A full pipe is waited for: process.stdout would keep the line in this process, to die with it. */
const say = (line: string): void => {
  let rest = Buffer.from(`${line}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

const [path = '', round = '0', seed = '0', writers = '1', occasion = 'writing'] = process.argv.slice(2)
say('begin')
const store = await openSqliteStore({ path, now: Date.now() })
const begun = await store.revision()
say(`open ${store.incarnation} ${store.term} ${begun}`)

const revisions = new Map<string, number>()
for (const entry of (await store.range('/')).entries) revisions.set(entry.key, entry.modRevision)

const keysOfWriter = 8

const write = async (writer: number): Promise<never> => {
  const random = randomFrom(Number(seed) * 7919 + Number(round) * 131 + writer)
  for (let number = 0; ; number += 1) {
    const tag = `${round}.${writer}.${number}`
    const first = Math.floor(random() * keysOfWriter)
    const count = random() < 0.2 ? 2 : 1
    const keys = Array.from({ length: count }, (_, at) => `/w${writer}/k${(first + at) % keysOfWriter}`)
    const operations = keys.map((key): StoreOperation => {
      if (revisions.has(key) && random() < 0.2) return { operation: 'delete', key }
      return { operation: 'put', key, value: wholeValue(tag, 60 + Math.floor(random() ** 3 * 6000)) }
    })
    say(
      `try ${writer} ${number} ${tag} ${operations.map(one => (one.operation === 'delete' ? `-${one.key}` : one.key)).join(' ')}`,
    )
    const compare = keys.map(key => ({ key, modRevision: revisions.get(key) ?? 0 }))
    const { committed, revision } = await store.transact({ compare, operations })
    if (!committed) throw new Error(`${tag}: a comparison failed that must hold`)
    say(`ack ${writer} ${number} ${revision}`)
    for (const { operation, key } of operations) {
      if (operation === 'delete') revisions.delete(key)
      else revisions.set(key, revision)
    }
  }
}

/** Only what is older than this life: the rest is looked at afterwards. */
const besides: { readonly [occasion in Occasion]: () => Promise<void> } = {
  opening: async () => {},
  writing: async () => {},
  async compacting() {
    for (let to = Math.max(0, begun - 400); to <= begun; to += 20) {
      await store.compact(to)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  },
  async 'backing up'() {
    for (let copy = 0; copy < 50; copy += 1) await store.backup(`${path}.copy-${copy % 2}`)
  },
}

await Promise.all([
  ...Array.from({ length: Number(writers) }, (_, writer) => write(writer)),
  besides[occasion as Occasion](),
])
