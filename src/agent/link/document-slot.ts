import { describeError } from '../../api/fault.ts'
import { compareTuples } from '../../core/nodes/assignment.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { oneOf, type Parse, record } from '../../wire/parse.ts'
import { parseHeld } from '../../wire/parse-down.ts'
import type { Held } from '../../wire/payloads.ts'
import { type Acceptance, acceptDocument, confirmDocument, type DocumentMemory } from './accept-document.ts'
import { type PersistedFile, persistedFile } from './persisted-file.ts'

/*
 *   offer(document) ── older, below the floor, not confirmed ──> ignored
 *        │ newer, other content                │ newer, same content
 *        v                                     v
 *   durable write, or put off             order remembered (own small file, or with the next write)
 *   with a copy on the tmpfs
 *        │
 *        v
 *   held, announced
 */

interface Stored<T> {
  readonly format: 1
  readonly held: Held
  readonly document: T
}

interface StoredOrder {
  readonly format: 1
  readonly held: Held
}

export interface DocumentSlot<T> {
  readonly document: T | undefined
  readonly held: Held | undefined
  /** Resolves when the outcome is durable, or may be lost by design. @throws the file system's error: nothing was taken */
  offer(document: T, held: Held): Promise<Acceptance>
  /** What the hub answered to a hello. */
  confirm(hub: Held): Promise<void>
  /** Writes what was put off. */
  close(): Promise<void>
}

/** How a document that changes often is kept off the flash. */
export interface PutOff {
  /** On average it is written at most once in this time. */
  readonly everyMs: number
  /** So many writes may come sooner, after a time without any. */
  readonly burst: number
  /** What changes within this time is one write. */
  readonly settleMs: number
  /** On a tmpfs, where each is written at once: the agent may be killed and start again before the disk has it. */
  readonly copyFolder?: string
}

/**
 * One of the two documents: what is held of it, in memory and on disk. Without `putOff` it is durable before it is
 * taken; with it, taken at once and written later.
 */
export const openDocumentSlot = async <T>(of: {
  readonly folder: string
  readonly name: string
  readonly parse: Parse<T>
  readonly putOff?: PutOff
  /** An order alone is written at most once in this time. */
  readonly orderMs: number
  readonly clock: Clock
  readonly log: Log
}): Promise<DocumentSlot<T>> => {
  const { putOff } = of
  const parse = record<Stored<T>>({
    format: oneOf(1),
    held: parseHeld,
    document: of.parse as Parse<Stored<T>['document']>,
  })
  const fileIn = (folder: string) => persistedFile<Stored<T>>({ ...of, folder, name: `${of.name}.json`, parse })
  const file = fileIn(of.folder)
  const copy = putOff?.copyFolder === undefined ? undefined : fileIn(putOff.copyFolder)
  const orderFile = persistedFile<StoredOrder>({
    ...of,
    name: `${of.name}-order.json`,
    parse: record<StoredOrder>({ format: oneOf(1), held: parseHeld }),
  })
  const onDisk = await file.read()
  const copied = await copy?.read()
  const stored = newer(onDisk, copied)
  const order = stored === undefined ? undefined : await orderFile.read()

  let document = stored?.document
  let memory: DocumentMemory = { held: stored?.held, floor: undefined }
  // The order file speaks of the same content, or of one that is no longer held.
  if (order !== undefined && memory.held !== undefined) memory = withoutFloor(confirmDocument(memory, order.held))

  const later = postponed({
    clock: of.clock,
    everyMs: putOff?.everyMs ?? 0,
    burst: putOff?.burst ?? 1,
    settleMs: putOff?.settleMs ?? 0,
    write: async () => {
      if (memory.held !== undefined && document !== undefined) await write(file, memory.held, document)
    },
    failed: error => of.log.warn('a document could not be written; it is tried again', failure(of.name, error)),
  })
  const orderLater = postponed({
    clock: of.clock,
    everyMs: of.orderMs,
    burst: 1,
    settleMs: 0,
    write: async () => {
      if (memory.held !== undefined) await orderFile.write({ format: 1, held: memory.held })
    },
    failed: error => of.log.warn('the order of a document could not be written', failure(of.name, error)),
  })

  const remember = async (held: Held): Promise<void> => {
    memory = { ...memory, held }
    await (putOff === undefined ? orderLater : later).ask()
  }

  const keepCopy = async (): Promise<void> => {
    if (copy === undefined || memory.held === undefined || document === undefined) return
    try {
      await write(copy, memory.held, document)
    } catch (error) {
      of.log.warn('the copy of a document could not be written', failure(of.name, error))
    }
  }

  // The disk is behind what this boot has seen.
  if (stored !== undefined && stored !== onDisk) await later.ask()

  return {
    get document() {
      return document
    },
    get held() {
      return memory.held
    },
    async offer(offered, held) {
      const acceptance = acceptDocument(memory, held)
      if (acceptance.action === 'remember') await remember(held)
      if (acceptance.action !== 'take') return acceptance
      if (putOff === undefined) await write(file, held, offered)
      document = offered
      memory = { ...memory, held }
      if (putOff === undefined) return acceptance
      await keepCopy()
      await later.ask()
      return acceptance
    },
    async confirm(hub) {
      const before = memory
      memory = confirmDocument(memory, hub)
      if (memory.held !== undefined && memory.held !== before.held) await remember(memory.held)
    },
    async close() {
      await later.close()
      await orderLater.close()
    },
  }
}

/** That of the later order; the one on disk where they are equal. */
const newer = <T>(onDisk: Stored<T> | undefined, copied: Stored<T> | undefined): Stored<T> | undefined =>
  onDisk === undefined || (copied !== undefined && compareTuples(copied.held.tuple, onDisk.held.tuple) > 0)
    ? (copied ?? onDisk)
    : onDisk

const withoutFloor = (memory: DocumentMemory): DocumentMemory => ({ held: memory.held, floor: undefined })

const failure = (name: string, error: unknown) => ({ document: name, why: describeError(error) })

const write = <T>(file: PersistedFile<Stored<T>>, held: Held, document: T): Promise<void> =>
  file.write({ format: 1, held, document })

/**
 * Writes soon after the first ask, `burst` times at most while none comes for long, and once in `everyMs` on average.
 * What is asked meanwhile is in the next write, or in the one at the close.
 */
const postponed = (of: {
  readonly clock: Clock
  readonly everyMs: number
  readonly burst: number
  readonly settleMs: number
  readonly write: () => Promise<void>
  readonly failed: (error: unknown) => void
}) => {
  /** When the writes up to now would be over, were they `everyMs` apart. */
  let paidUntil = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | undefined
  let running = Promise.resolve()
  const now = async (): Promise<void> => {
    cancel?.()
    cancel = undefined
    paidUntil = Math.max(paidUntil, of.clock.monotonic()) + of.everyMs
    try {
      await of.write()
    } catch (error) {
      of.failed(error)
      arm()
    }
  }
  const waitMs = (): number => Math.max(of.settleMs, paidUntil - (of.burst - 1) * of.everyMs - of.clock.monotonic())
  const arm = (): void => {
    cancel ??= of.clock.after(Math.max(1000, waitMs()), () => {
      running = running.then(now)
    })
  }
  return {
    async ask(): Promise<void> {
      if (waitMs() > 0) return arm()
      running = running.then(now)
      await running
    },
    async close(): Promise<void> {
      await running
      if (cancel === undefined) return
      cancel()
      cancel = undefined
      await of.write().catch(of.failed)
    },
  }
}
