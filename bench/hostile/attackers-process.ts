import { type AttackName, attacks } from './attacks.ts'
import { openSockets, type Target } from './sockets.ts'

/** The attackers: a process of their own, so that their work is not the normal clients'. */
export type AskAttackers = AskAttack | { readonly attack: 'end it now' }

export interface AskAttack {
  readonly attack: AttackName
  readonly target: Target
  readonly count: number
  readonly seconds: number
}

export interface Attacked {
  readonly opened: number
  /** Of those opened, while the attack lasted. */
  readonly closedByHub: number
}

let running = new AbortController()

const attack = async (ask: AskAttack): Promise<Attacked> => {
  const sockets = openSockets()
  running = new AbortController()
  const signal = AbortSignal.any([AbortSignal.timeout(ask.seconds * 1000), running.signal])
  await attacks[ask.attack](ask.target, sockets, { count: ask.count, signal })
  const counts = sockets.counts()
  sockets.closeAll()
  return counts
}

process.on('message', ({ id, ask }: { readonly id: number; readonly ask: AskAttackers }) => {
  if (ask.attack === 'end it now') {
    running.abort()
    process.send?.({ id })
    return
  }
  attack(ask).then(
    value => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
process.once('disconnect', () => process.exit(0))
