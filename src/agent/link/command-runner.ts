import { describeError } from '../../api/fault.ts'
import type { Log } from '../../lib/log.ts'
import type { Command, Result } from '../../wire/payloads.ts'
import type { SeenCommands } from './seen-commands.ts'

type CommandListener = (command: Command) => Promise<string | undefined>

/** Runs at once; further ones are refused, with a result that says so. */
const mostRunning = 16

export interface CommandRunner {
  onCommand(listener: CommandListener): () => void
  /** Resolves when the command is noted on disk; it runs in the background. */
  take(command: Command): Promise<void>
  /** Resolves when those running have ended. */
  close(): Promise<void>
}

/** Commands are carried out once, in time, and their outcome goes up. */
export const commandRunner = (of: {
  readonly seen: SeenCommands
  readonly log: Log
  /** The hub's time in ms since 1970; undefined before it was ever heard. */
  readonly hubNow: () => number | undefined
  readonly result: (result: Result) => Promise<void>
}): CommandRunner => {
  let listener: CommandListener | undefined
  const running = new Set<Promise<void>>()

  const run = async (command: Command): Promise<void> => {
    const base = { format: 1, id: command.id } as const
    try {
      if (listener === undefined) throw new Error('this agent carries out no commands yet')
      const message = await listener(command)
      await of.result({ ...base, ok: true, ...(message === undefined ? {} : { message: message.slice(0, 4096) }) })
    } catch (error) {
      of.log.warn('a command failed', { id: command.id, action: command.action, why: describeError(error) })
      await of.result({ ...base, ok: false, message: describeError(error).slice(0, 4096) })
    }
  }

  return {
    onCommand(added) {
      listener = added
      return () => {
        if (listener === added) listener = undefined
      }
    },
    async take(command) {
      const hubNow = of.hubNow()
      const notAfter = Date.parse(command.notAfter)
      if (hubNow === undefined || notAfter < hubNow) {
        of.log.info('a command came too late', { id: command.id, action: command.action, notAfter: command.notAfter })
        return
      }
      const note = running.size >= mostRunning ? 'full' : await of.seen.note(command.id, notAfter, hubNow)
      if (note === 'again') return
      if (note === 'full') {
        // Not awaited: the bus takes nothing, nor its own acknowledgements, until this message is let go of.
        const refused = of.result({
          format: 1,
          id: command.id,
          ok: false,
          message: 'too many commands at once; try again',
        })
        refused.catch(error => of.log.debug('a refusal was not sent', { id: command.id, why: describeError(error) }))
        return
      }
      const one: Promise<void> = run(command).finally(() => running.delete(one))
      running.add(one)
    },
    async close() {
      await Promise.all(running)
    },
  }
}
