import { readFile } from 'node:fs/promises'
import { readIfThere, removeDurably, writeDurably, writeInPlace } from '../lib/durable-file.ts'

/** A rule of ours in somebody else's chain. */
export interface ForeignAccept {
  readonly family: string
  readonly table: string
  readonly chain: string
}

interface Ledger {
  readonly format: 1
  readonly bootId: string
  /** Path below /proc/sys -> what was there before us. */
  readonly sysctls: { readonly [path: string]: string }
  readonly accepts: readonly ForeignAccept[]
}

/**
 * The record of what we changed on the host and what was there before: written before each change, so that
 * whatever happens, `putBack` restores it. What was changed before the last reboot is gone by itself.
 */
export interface HostChanges {
  load(): Promise<void>
  /** Sets a sysctl unless it has that value. `path` is below /proc/sys. False where this kernel does not have it. */
  setSysctl(path: string, value: string): Promise<boolean>
  recordAccept(accept: ForeignAccept): Promise<void>
  accepts(): readonly ForeignAccept[]
  /** Restores every sysctl and forgets all. Returns what could not be restored, in words. */
  putBack(): Promise<readonly string[]>
}

export const hostChanges = (path: string): HostChanges => {
  let ledger: Ledger = { format: 1, bootId: '', sysctls: {}, accepts: [] }
  const save = () => writeDurably(path, `${JSON.stringify(ledger)}\n`)

  return {
    async load() {
      const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
      const bytes = await readIfThere(path)
      const before = bytes === undefined ? undefined : parseLedger(bytes.toString('utf8'))
      ledger = before?.bootId === bootId ? before : { format: 1, bootId, sysctls: {}, accepts: [] }
    },
    async setSysctl(name, value) {
      const before = await readSysctl(name)
      if (before === undefined) return false
      if (before === value) return true
      if (ledger.sysctls[name] === undefined) {
        ledger = { ...ledger, sysctls: { ...ledger.sysctls, [name]: before } }
        await save()
      }
      await writeInPlace(`/proc/sys/${name}`, value)
      return true
    },
    async recordAccept(accept) {
      if (
        ledger.accepts.some(
          one => one.family === accept.family && one.table === accept.table && one.chain === accept.chain,
        )
      )
        return
      ledger = { ...ledger, accepts: [...ledger.accepts, accept] }
      await save()
    },
    accepts: () => ledger.accepts,
    async putBack() {
      const failed: string[] = []
      // ip_forward first: writing it resets others.
      const names = Object.keys(ledger.sysctls).toSorted(
        (a, b) => Number(b.endsWith('/ip_forward')) - Number(a.endsWith('/ip_forward')),
      )
      for (const name of names) {
        if ((await readSysctl(name)) === undefined) continue
        try {
          await writeInPlace(`/proc/sys/${name}`, ledger.sysctls[name] ?? '')
        } catch (error) {
          failed.push(`${name} could not be set back to ${ledger.sysctls[name]}: ${String(error)}`)
        }
      }
      ledger = { ...ledger, sysctls: {}, accepts: [] }
      if ((await readIfThere(path)) !== undefined) await removeDurably(path)
      return failed
    },
  }
}

/** The value of a sysctl, or undefined where this kernel does not have it. */
export const readSysctl = async (name: string): Promise<string | undefined> =>
  (await readIfThere(`/proc/sys/${name}`))?.toString('utf8').trim()

/** A ledger that cannot be read is no ledger: what it said is lost, and nothing is restored by guess. */
const parseLedger = (text: string): Ledger | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { format, bootId, sysctls, accepts } = value as { [key: string]: unknown }
  if (format !== 1 || typeof bootId !== 'string' || typeof sysctls !== 'object' || sysctls === null) return undefined
  const entries = Object.entries(sysctls).flatMap(([name, before]) =>
    typeof before === 'string' && /^[a-z0-9_./-]+$/i.test(name) && !name.includes('..')
      ? [[name, before] as const]
      : [],
  )
  const rules = (Array.isArray(accepts) ? accepts : []).flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return []
    const { family, table, chain } = one as { [key: string]: unknown }
    return typeof family === 'string' && typeof table === 'string' && typeof chain === 'string'
      ? [{ family, table, chain }]
      : []
  })
  return { format: 1, bootId, sysctls: Object.fromEntries(entries), accepts: rules }
}
