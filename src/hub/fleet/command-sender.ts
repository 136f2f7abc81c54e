import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Command, Result } from '../../wire/payloads.ts'
import type { FleetCounts } from '../metrics/fleet-counts.ts'

type Wish<Action extends Command['action']> = Omit<
  Extract<Command, { readonly action: Action }>,
  'format' | 'id' | 'notAfter'
>

/** What is asked of a node: a command without its id and expiry. */
export type CommandWish = { readonly [Action in Command['action']]: Wish<Action> }[Command['action']]

/** Commands whose results are waited for; a further one is refused. */
const mostWaiting = 1000

export interface CommandSender {
  /** Resolves with the node's result. @throws Fault Unavailable when it cannot be sent, Timeout when no result came in time */
  command(node: string, wish: CommandWish): Promise<Result>
  result(node: string, result: Result): void
  close(): void
}

/** Signed commands with an id and an expiry, and their results. A lost command is not sent again: whoever asked decides. */
export const commandSender = (of: {
  readonly clock: Clock
  readonly id: () => string
  readonly send: (node: string, command: Command) => Promise<void>
  readonly validMs?: number
  readonly counts: FleetCounts
}): CommandSender => {
  const validMs = of.validMs ?? 15_000
  const waiting = new Map<string, { readonly node: string; settle(result: Result | Error): void }>()
  return {
    async command(node, wish) {
      if (waiting.size >= mostWaiting)
        throw new Fault('TooManyRequests', `${mostWaiting} commands wait for their results; try again later`)
      const command = {
        ...wish,
        format: 1 as const,
        id: of.id(),
        notAfter: new Date(of.clock.now() + validMs).toISOString(),
      }
      const { promise, settle } = answer(() => waiting.delete(command.id))
      waiting.set(command.id, { node, settle })
      const cancel = of.clock.after(validMs, () =>
        settle(new Fault('Timeout', `node "${node}" did not answer within ${validMs / 1000} s`, { node })),
      )
      let ended: 'ok' | 'refused' | 'failed' = 'failed'
      try {
        await of.send(node, command)
        const result = await promise
        ended = result.ok ? 'ok' : 'refused'
        return result
      } finally {
        of.counts.command(wish.action, ended)
        cancel()
        waiting.delete(command.id)
      }
    },
    result(node, result) {
      const found = waiting.get(result.id)
      if (found?.node === node) found.settle(result)
    },
    close() {
      for (const { node, settle } of waiting.values())
        settle(new Fault('Unavailable', 'the hub is shutting down', { node }))
    },
  }
}

const answer = (done: () => void) => {
  let settle: (result: Result | Error) => void = () => {}
  const promise = new Promise<Result>((resolve, reject) => {
    settle = result => {
      done()
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
  })
  return { promise, settle: (result: Result | Error) => settle(result) }
}
