import { compareTuples, type DocumentTuple } from '../../core/nodes/assignment.ts'
import type { Held } from '../../wire/payloads.ts'

/** What the agent knows of one document when another arrives. */
export interface DocumentMemory {
  readonly held: Held | undefined
  /**
   * The order that the hub named in its answer to a hello of this life of the agent; undefined before the first answer.
   * Nothing is taken before it and nothing below it, because a disk may be lost or hold an older order than was
   * remembered, and a broker may keep old messages for ever.
   */
  readonly floor: DocumentTuple | undefined
}

export type Acceptance =
  /** Newer and different: make it durable, then acknowledge, then apply. */
  | { readonly action: 'take' }
  /** Newer, but the same content: remember the order, touch nothing. */
  | { readonly action: 'remember' }
  | { readonly action: 'ignore'; readonly reason: 'not confirmed' | 'older' | 'below the floor' | 'the same' }

/**
 * Whether a verified document is taken. Order is (incarnation, revision, term); time plays no part.
 *
 * @example acceptDocument({ held, floor }, { tuple, digest }) // { action: 'take' }
 */
export const acceptDocument = (memory: DocumentMemory, incoming: Held): Acceptance => {
  if (memory.floor === undefined) return { action: 'ignore', reason: 'not confirmed' }
  if (compareTuples(incoming.tuple, memory.floor) < 0) return { action: 'ignore', reason: 'below the floor' }
  if (memory.held === undefined) return { action: 'take' }
  const order = compareTuples(incoming.tuple, memory.held.tuple)
  if (order < 0) return { action: 'ignore', reason: 'older' }
  if (order === 0) return { action: 'ignore', reason: 'the same' }
  return { action: incoming.digest === memory.held.digest ? 'remember' : 'take' }
}

/** What an answer to a hello of ours changes: the floor never sinks, and equal content takes the newer order. */
export const confirmDocument = (memory: DocumentMemory, hub: Held): DocumentMemory => {
  const floor = memory.floor === undefined || compareTuples(hub.tuple, memory.floor) > 0 ? hub.tuple : memory.floor
  const { held } = memory
  const isSameButNewer = held !== undefined && hub.digest === held.digest && compareTuples(hub.tuple, held.tuple) > 0
  return { held: isSameButNewer ? hub : held, floor }
}
