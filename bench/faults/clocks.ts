import { writeFileSync } from 'node:fs'

/**
 * The clock of a process of ours, moved while it runs: faketime's library reads the offset from a file, once a second.
 * Monotonic time and the times of files stay true, as they do when an operator sets a clock.
 */
export interface MovableClock {
  /** For the environment of the process. */
  readonly env: { readonly [name: string]: string }
  /** `+365d`, `-365d`; `+0` is the truth. */
  move(offset: string): void
}

const library = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`

/** @example const clock = movableClock(`${folder}/clock-hub`); clock.move('+365d') */
export const movableClock = (path: string): MovableClock => {
  const move = (offset: string): void => writeFileSync(path, `${offset}\n`)
  move('+0')
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    move,
  }
}
