import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The host end of a pod's veth pair, by its uid: fifteen characters at most. */
export const portName = (uid: string): string => `dl${createHash('sha256').update(uid).digest('hex').slice(0, 12)}`

/** Its name until the pod's end is set up whole: a half-made port never counts. */
export const unfinishedPortName = (uid: string): string => `dt${portName(uid).slice(2)}`

/** A MAC address by IP: an address that changes hands needs no neighbour to learn anew. */
export const macOf = (ip: string): string =>
  `0a:58:${ip
    .split('.')
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`

/** The network devices of this namespace now, from /proc: no process is started. */
export const linksNow = (): ReadonlySet<string> =>
  new Set([...readFileSync('/proc/net/dev', 'utf8').matchAll(/^\s*([^\s:]+):/gm)].map(match => match[1] ?? ''))
