import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import type { Store, StoreEvent } from '../../src/hub/store/store.ts'
import { type Life, type Occasion, planLife, tagOf } from './plan.ts'

/*
 *   writers (a process) ──kill -9──> what they said ┐
 *                                                   ├─> judged: is each acknowledged revision there, once, whole?
 *   the store, opened again ──> all its events ─────┘
 */

const writersPath = fileURLToPath(new URL('./writers.ts', import.meta.url))

interface Write {
  readonly tag: string
  /** Key -> whether it is deleted. */
  readonly keys: ReadonlyMap<string, boolean>
}

/** What one life told of itself. */
interface Told {
  readonly opened: { readonly incarnation: number; readonly term: number; readonly revision: number } | undefined
  readonly acknowledged: ReadonlyMap<number, Write>
  /** Tried, and neither acknowledged nor refused: there or not. */
  readonly open: readonly Write[]
  /** Revisions that were acknowledged twice within this life. */
  readonly twice: number
}

/** One kill, judged. */
export interface Judged extends Life {
  readonly acknowledged: number
  /** Revisions that were committed, but not acknowledged when the kill came. */
  readonly unheard: number
  readonly lost: number
  readonly twice: number
  readonly torn: number
  /** Anything else that must not be, in words. */
  readonly wrong: readonly string[]
  readonly reopenMs: number
}

/**
 * Kills the store with -9 so many times, each in the midst of concurrent writers, and looks after each whether every
 * acknowledged revision is there, whole, and none twice. The same seed plans the same rounds.
 *
 * @example for await (const kill of killStore({ folder, kills: 8, seed: 1 })) show(kill)
 */
export async function* killStore(of: {
  /** Where the store lies; empty at first. */
  readonly folder: string
  readonly kills: number
  readonly seed: number
  /** For a test of the judge: changes the dead store before it is opened again. */
  readonly spoil?: (path: string, round: number) => void
}): AsyncGenerator<Judged> {
  const path = join(of.folder, 'hub.db')
  const state = new Map<string, string>()
  let before = { incarnation: 0, term: 0, revision: 0 }
  for (let round = 0; round < of.kills; round += 1) {
    const life = planLife(of.seed, round)
    const told = await liveAndDie(path, of.seed, life)
    for (const copy of [0, 1]) rmSync(`${path}.copy-${copy}`, { force: true })
    of.spoil?.(path, round)
    const started = performance.now()
    const store = await openSqliteStore({ path, now: Date.now() })
    const reopenMs = performance.now() - started
    try {
      const judged = await judge({ store, told, before, state })
      yield { ...life, ...judged, reopenMs }
      before = { incarnation: store.incarnation, term: store.term, revision: await store.revision() }
    } finally {
      await store.close()
    }
  }
}

const liveAndDie = async (path: string, seed: number, life: Life): Promise<Told> => {
  const words = [writersPath, path, String(life.round), String(seed), String(life.writers), life.occasion]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let timer: NodeJS.Timeout | undefined
  const acknowledged = new Map<number, Write>()
  const open = new Map<string, Write>()
  let opened: Told['opened']
  let twice = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, ...rest] = line.split(' ')
    if (word === 'begin' && life.killAfterMs !== undefined)
      timer = setTimeout(() => child.kill('SIGKILL'), life.killAfterMs)
    if (word === 'open' && rest.length === 3) {
      const [incarnation = 0, term = 0, revision = 0] = rest.map(Number)
      opened = { incarnation, term, revision }
    }
    if (word === 'try' && rest.length >= 4) {
      const [writer = '', , tag = '', ...keys] = rest
      open.set(writer, { tag, keys: new Map(keys.map(key => [key.replace(/^-/, ''), key.startsWith('-')])) })
    }
    if (word === 'ack' && rest.length === 3) {
      const [writer = '', , revision = ''] = rest
      const write = open.get(writer)
      open.delete(writer)
      if (write === undefined || acknowledged.has(Number(revision))) twice += 1
      else acknowledged.set(Number(revision), write)
    }
    if (acknowledged.size === life.killAfterWrites) child.kill('SIGKILL')
  }
  const [code, signal] = await ended
  clearTimeout(timer)
  if (signal !== 'SIGKILL') throw new Error(`round ${life.round}: the writers ended by themselves (${code ?? signal})`)
  return { opened, acknowledged, open: [...open.values()], twice }
}

const judge = async (of: {
  readonly store: Store
  readonly told: Told
  readonly before: { readonly incarnation: number; readonly term: number; readonly revision: number }
  /** Key -> tag, as it must be; brought up to date here. */
  readonly state: Map<string, string>
}): Promise<Omit<Judged, keyof Life | 'reopenMs'>> => {
  const { store, told, before, state } = of
  const wrong: string[] = []
  let torn = 0
  let lost = 0
  let { twice } = told
  const revision = await store.revision()
  const byRevision = new Map<number, StoreEvent[]>()
  for (const event of await eventsAfter(store, before.revision, revision)) {
    const there = byRevision.get(event.revision) ?? []
    if (there.some(one => one.key === event.key)) twice += 1
    byRevision.set(event.revision, [...there, event])
  }
  for (let at = before.revision + 1; at <= revision; at += 1)
    if (!byRevision.has(at)) wrong.push(`revision ${at} is empty`)

  for (const [at, write] of told.acknowledged) if (!isSame(write, byRevision.get(at))) lost += 1
  const open = new Set(told.open)
  for (const [at, events] of byRevision) {
    if (told.acknowledged.has(at)) continue
    const write = [...open].find(one => isSame(one, events))
    if (write === undefined) wrong.push(`revision ${at} was written by nobody`)
    else open.delete(write)
  }

  for (const events of byRevision.values())
    for (const event of events) {
      const tag = tagOf(event.value)
      if (tag === undefined) torn += 1
      if (event.type === 'delete') state.delete(event.key)
      else state.set(event.key, tag ?? '')
    }
  const { entries } = await store.range('/')
  for (const entry of entries)
    if (tagOf(entry.value) !== state.get(entry.key)) wrong.push(`${entry.key} is not as written`)
  if (entries.length !== state.size) wrong.push(`${entries.length} keys, expected ${state.size}`)

  if (before.incarnation !== 0 && store.incarnation !== before.incarnation) wrong.push('the incarnation has changed')
  if (told.opened !== undefined && store.term !== told.opened.term + 1)
    wrong.push(`term ${store.term} after ${told.opened.term}`)
  if (told.opened !== undefined && told.opened.revision !== before.revision)
    wrong.push('it did not begin where it ended')
  if (store.term <= before.term) wrong.push(`the term fell from ${before.term} to ${store.term}`)
  const unheard = byRevision.size - told.acknowledged.size + lost
  return { acknowledged: told.acknowledged.size, unheard, lost, twice, torn, wrong: wrong.slice(0, 10) }
}

const isSame = (write: Write, events: readonly StoreEvent[] | undefined): boolean =>
  events !== undefined &&
  events.length === write.keys.size &&
  events.every(event => {
    const isDelete = write.keys.get(event.key)
    if (isDelete === undefined || isDelete !== (event.type === 'delete')) return false
    return isDelete || tagOf(event.value) === write.tag
  })

const eventsAfter = async (store: Store, from: number, to: number): Promise<readonly StoreEvent[]> => {
  const all: StoreEvent[] = []
  const stop = new AbortController()
  if (to <= from) return all
  for await (const events of store.watch('/', from, stop.signal)) {
    all.push(...events)
    if ((events.at(-1)?.revision ?? 0) >= to) break
  }
  stop.abort()
  return all
}

/** The figures of all kills on one occasion. */
export interface Row {
  readonly occasion: Occasion | 'all'
  readonly kills: number
  readonly acknowledged: number
  readonly unheard: number
  readonly lost: number
  readonly twice: number
  readonly torn: number
  readonly wrong: number
  readonly reopenMedianMs: number
  readonly reopenMostMs: number
}

export const rowOf = (occasion: Row['occasion'], kills: readonly Judged[]): Row => {
  const sum = (of: (kill: Judged) => number): number => kills.reduce((total, kill) => total + of(kill), 0)
  const times = kills.map(kill => kill.reopenMs).toSorted((a, b) => a - b)
  return {
    occasion,
    kills: kills.length,
    acknowledged: sum(kill => kill.acknowledged),
    unheard: sum(kill => kill.unheard),
    lost: sum(kill => kill.lost),
    twice: sum(kill => kill.twice),
    torn: sum(kill => kill.torn),
    wrong: sum(kill => kill.wrong.length),
    reopenMedianMs: Math.round(times[Math.floor((times.length - 1) / 2)] ?? 0),
    reopenMostMs: Math.round(times.at(-1) ?? 0),
  }
}
