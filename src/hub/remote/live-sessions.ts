import { Fault } from '../../api/fault.ts'

/*
 *   begin ──> live ──> end           each told to the record: who, what, since when, how long, how many bytes, how it ended
 *               │
 *               └── `stop`: its signal aborts; whoever runs it ends it
 */

/** Who does what, where. */
export interface SessionFacts {
  readonly what: 'logs' | 'exec' | 'attach' | 'forward' | 'copy' | 'shell' | 'journal'
  readonly user: string
  /** Who really asked, where the user is impersonated. */
  readonly impersonatedBy?: string
  /** The caller's address. */
  readonly from: string
  readonly node: string
  readonly namespace?: string
  readonly pod?: string
  readonly container?: string
  /** The command, the target or the path. */
  readonly detail?: string
}

/** A session as lists show it. */
export interface LiveSession extends SessionFacts {
  readonly id: string
  /** ms since 1970 */
  readonly startedAt: number
  readonly bytesToNode: number
  readonly bytesFromNode: number
}

/** A session that runs, for whoever runs it. */
export interface Session {
  readonly id: string
  /** Aborts with a Fault as reason when somebody ended it. */
  readonly signal: AbortSignal
  /** Why it ends or is about to, where somebody ended it. */
  readonly endedFor: Fault | undefined
  toNode(bytes: number): void
  fromNode(bytes: number): void
  /** It is over. Said once; what is said later does not count. */
  end(outcome: string): void
}

/** What the record is told. `seconds` and what follows only of sessions that have ended. */
export interface SessionEvent extends SessionFacts {
  readonly session: string
  readonly event: 'started' | 'ended'
  readonly seconds?: number
  readonly bytesToNode?: number
  readonly bytesFromNode?: number
  readonly outcome?: string
}

export interface LiveSessions {
  /**
   * `id`: where it has one already, as a shell. `takeOver`: whoever has it now is sent away, if it is the same user.
   * @throws Fault TooManyRequests, Conflict, Forbidden
   */
  begin(facts: SessionFacts, named?: { readonly id: string; readonly takeOver: boolean }): Session
  list(): readonly LiveSession[]
  /** Somebody ends it elsewhere, as a shell on its device: whatever it ends with, this is why. */
  announce(id: string, by: string): void
  /** @throws Fault NotFound */
  stop(id: string, by: string): void
}

interface Row {
  session: LiveSession
  endedFor?: Fault
  readonly abort: AbortController
}

/** Sessions at once; a further one is refused. */
const mostSessions = 10_000
const mostDetail = 500

/**
 * @example
 * const session = sessions.begin({ what: 'exec', user: 'ann', from: '10.0.0.7', node: 'barn', detail: 'sh' })
 * session.end('exit code 0')
 */
export const liveSessions = (of: {
  readonly tell: (event: SessionEvent) => void
  readonly now: () => number
  readonly randomHex: (bytes: number) => string
}): LiveSessions => {
  const live = new Map<string, Row>()

  const over = (row: Row, outcome: string): void => {
    const { id, startedAt, ...facts } = row.session
    if (live.get(id) !== row) return
    live.delete(id)
    const seconds = Math.round((of.now() - startedAt) / 100) / 10
    of.tell({ event: 'ended', session: id, ...facts, seconds, outcome })
  }

  const sendAway = (earlier: Row, user: string, takeOver: boolean): void => {
    const { id } = earlier.session
    if (!takeOver) throw new Fault('Conflict', `session ${id} is open already`)
    if (earlier.session.user !== user)
      throw new Fault('Forbidden', `session ${id} is of "${earlier.session.user}"; nobody else may come to it`)
    const why = new Fault('Conflict', 'somebody came to this session from elsewhere')
    earlier.endedFor = why
    over(earlier, why.message)
    earlier.abort.abort(why)
  }

  return {
    begin(facts, { id, takeOver } = { id: of.randomHex(6), takeOver: false }) {
      const earlier = live.get(id)
      if (earlier !== undefined) sendAway(earlier, facts.user, takeOver)
      if (live.size >= mostSessions)
        throw new Fault('TooManyRequests', `${mostSessions} sessions are open already; end some of them`)
      const { detail } = facts
      const told = detail === undefined ? facts : { ...facts, detail: detail.slice(0, mostDetail) }
      const abort = new AbortController()
      const startedAt = of.now()
      const row: Row = { session: { ...told, id, startedAt, bytesToNode: 0, bytesFromNode: 0 }, abort }
      live.set(id, row)
      of.tell({ event: 'started', session: id, ...told })
      return {
        id,
        signal: abort.signal,
        get endedFor() {
          return row.endedFor
        },
        toNode(bytes) {
          row.session = { ...row.session, bytesToNode: row.session.bytesToNode + bytes }
        },
        fromNode(bytes) {
          row.session = { ...row.session, bytesFromNode: row.session.bytesFromNode + bytes }
        },
        end: outcome => over(row, outcome),
      }
    },
    list: () => [...live.values()].map(one => one.session),
    announce(id, by) {
      const found = live.get(id)
      if (found !== undefined) found.endedFor ??= endedBy(by)
    },
    stop(id, by) {
      const found = live.get(id)
      if (found === undefined)
        throw new Fault('NotFound', `there is no live session "${id.slice(0, 64)}"`, { name: id })
      found.endedFor ??= endedBy(by)
      found.abort.abort(found.endedFor)
    },
  }
}

/** No want of contact: who hears it need not try to come back. */
const endedBy = (by: string): Fault => new Fault('Conflict', `the session was ended by ${by}`)
