import type { Test } from 'tap'
import { Fault, type FaultReason } from '../../src/api/fault.ts'

/** Asserts that `act` ends in a Fault of this reason, whose message matches. Resolves to the fault. */
export const fails = async (
  t: Test,
  act: Promise<unknown> | (() => unknown),
  reason: FaultReason,
  message: RegExp = /./,
): Promise<Fault | undefined> => {
  try {
    await (typeof act === 'function' ? act() : act)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    t.equal(error.reason, reason, error.message)
    t.match(error.message, message)
    return error
  }
  t.fail(`no fault, expected ${reason}`)
  return undefined
}
