import { type Fault, isFault } from '../../src/api/fault.ts'

/** The fault that `act` throws. Anything else that happens fails the test by what it throws. */
export const faultOf = (act: () => unknown): Fault => {
  try {
    act()
  } catch (error) {
    if (isFault(error)) return error
    throw error
  }
  throw new Error('expected a fault, but nothing was thrown')
}

/** The reason of the fault that `act` throws. */
export const reasonOf = (act: () => unknown): string => faultOf(act).reason
