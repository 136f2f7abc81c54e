import { readFileSync } from 'node:fs'
import { Fault } from '../../api/fault.ts'
import { imageArchive } from '../image-archive.ts'

/** The image that holds a shared PID namespace, and that tries out an engine's settings. Made here; no registry. */
export const pauseImage = 'localhost/dunlin/pause:1'

export interface PauseProgram {
  readonly archive: Buffer
  /** Runs for ever as PID 1 and reaps. */
  readonly pause: readonly string[]
  /** Ends at once with 0. */
  readonly trial: readonly string[]
}

/** Programs that reap as PID 1 and need no library, best first. */
const candidates: readonly {
  readonly path: string
  readonly pause: readonly string[]
  readonly trial: readonly string[]
}[] = [
  { path: '/usr/bin/catatonit', pause: ['/catatonit', '-P'], trial: ['/catatonit', '-V'] },
  { path: '/usr/libexec/podman/catatonit', pause: ['/catatonit', '-P'], trial: ['/catatonit', '-V'] },
  {
    path: '/bin/busybox',
    pause: ['/busybox', 'sh', '-c', "trap 'exit 0' TERM; while :; do /busybox sleep 86400 & wait; done"],
    trial: ['/busybox', 'true'],
  },
]

/**
 * @throws Fault Machine where no such program is installed
 */
export const pauseProgram = (): PauseProgram => {
  for (const { path, pause, trial } of candidates) {
    const bytes = readStatic(path)
    if (bytes === undefined) continue
    return {
      pause,
      trial,
      archive: imageArchive({ reference: pauseImage, arch: process.arch, files: [{ path: pause[0] ?? '', bytes }] }),
    }
  }
  throw new Fault(
    'Machine',
    `none of ${candidates.map(one => one.path).join(', ')} is there as a static program: install Debian's package catatonit or busybox-static`,
  )
}

/** The program's bytes, unless it is missing or asks for a dynamic loader (ELF PT_INTERP). */
const readStatic = (path: string): Buffer | undefined => {
  try {
    const bytes = readFileSync(path)
    return bytes.subarray(0, 4096).includes('/ld-') ? undefined : bytes
  } catch {
    return undefined // Not installed: the next candidate.
  }
}
