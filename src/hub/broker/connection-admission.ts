import type { Clock } from '../../lib/clock.ts'

/** A bucket fills up to `burst` with so many a second; each act takes one. */
interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

/** Connections of one address that come to nothing: strangers, failed handshakes, nodes that come too often. */
const failures: Allowance = { burst: 200, perSecond: 50 }
/** Connections of one node: a link that is bad for a while takes some. */
const ofNode: Allowance = { burst: 30, perSecond: 0.5 }
/** Names that are remembered; above it, all are forgotten: then each has its burst again. */
const mostNames = 20_000

/**
 * Who is let in. An address is heard until too many of its connections have come to nothing; so a whole fleet behind one
 * address comes back at once, and a flood from there costs little after its beginning. Who shares the address of a flood
 * has to try more often meanwhile.
 */
export const connectionAdmission = (of: { readonly clock: Clock }) => {
  const addresses = buckets(of.clock, failures)
  const nodes = buckets(of.clock, ofNode)
  return {
    admitsAddress: (address: string): boolean => addresses.has(address),
    blame: (address: string): void => void addresses.take(address),
    admitsNode: (node: string): boolean => nodes.take(node),
  }
}

const buckets = (clock: Clock, { burst, perSecond }: Allowance) => {
  const all = new Map<string, { left: number; at: number }>()
  const bucketOf = (name: string) => {
    const now = clock.monotonic()
    if (all.size >= mostNames && !all.has(name)) all.clear()
    const bucket = all.get(name) ?? { left: burst, at: now }
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    all.set(name, bucket)
    return bucket
  }
  return {
    has: (name: string): boolean => !all.has(name) || bucketOf(name).left >= 1,
    /** False, and nothing taken, where there is none left. */
    take(name: string): boolean {
      const bucket = bucketOf(name)
      if (bucket.left < 1) return false
      bucket.left -= 1
      return true
    },
  }
}

export type ConnectionAdmission = ReturnType<typeof connectionAdmission>
