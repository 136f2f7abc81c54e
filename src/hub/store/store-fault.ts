import { Fault, type FaultAbout, type FaultReason, faults } from '../../api/fault.ts'

/** A Fault as it crosses a thread. */
export interface PlainFault {
  readonly reason: FaultReason
  readonly message: string
  readonly about: FaultAbout
}

/** Result codes of SQLite (sqlite.org/rescode.html), the primary part, and what an operator should do about them. */
const explain: { readonly [code: number]: (path: string) => string } = {
  5: path => `the store ${path} is locked by another program: end that program (a second hub, or an sqlite3 shell)`,
  6: path => `the store ${path} is locked by another program: end that program (a second hub, or an sqlite3 shell)`,
  8: path => `the store ${path} cannot be written: check the file's owner and mode, and that its disk is not read-only`,
  10: path => `reading or writing the store ${path} failed: check the disk (dmesg), then restore the newest backup`,
  11: path => `the store ${path} is corrupt: keep a copy of the file and restore the newest backup`,
  13: path => `the store ${path} is full: nothing was written; make room on its disk, the hub goes on by itself`,
  14: path => `the store ${path} cannot be opened: check that its folder exists and may be written`,
  26: path => `${path} is not a store of Dunlin: name another file, or restore a backup into it`,
}

/** Turns what SQLite threw into a Fault that says what to do. Faults pass unchanged. */
export const storeFault = (error: unknown, path: string): Fault => {
  if (error instanceof Fault) return error
  const full = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0
  const code = full & 0xff
  const detail = error instanceof Error ? error.message : String(error)
  const text = explain[code]?.(path) ?? `the store ${path} failed (${detail})`
  return new Fault('Machine', text, { path, sqlite: full, detail }, error)
}

export const plainFault = (fault: Fault): PlainFault => ({
  reason: fault.reason,
  message: fault.message,
  about: fault.about,
})

export const faultOf = (plain: PlainFault): Fault =>
  new Fault(plain.reason in faults ? plain.reason : 'Internal', plain.message, plain.about)

/** @returns the fault of a read below the compaction */
export const expired = (asked: number, compacted: number): Fault =>
  new Fault('Expired', `The resourceVersion for the provided watch is too old: ${asked} (oldest kept: ${compacted})`, {
    asked,
    compacted,
  })
