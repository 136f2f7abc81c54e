import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { busyboxFiles } from '../../scripts/images.ts'
import { type ImageFile, imageArchive } from '../../src/runtime-podman/image-archive.ts'

/**
 * An image with the C library's own resolver, for tests of names inside pods: this machine's `getent` with its
 * libraries and nsswitch.conf, beside busybox. `getent ahosts NAME` asks as every dynamic program does.
 *
 * @example await writeFile('libc.tar', libcArchive())
 */
export const libcArchive = (reference = 'localhost/dunlin/libc:1'): Buffer =>
  imageArchive({
    reference,
    arch: process.arch,
    files: [
      ...busyboxFiles(),
      { path: '/etc/nsswitch.conf', bytes: Buffer.from('hosts: files dns\n'), mode: 0o644 },
      ...withLibraries('/usr/bin/getent'),
    ],
    command: ['/bin/sh'],
  })

/** A dynamic program and every library that its loader names, each at its own path. */
export const withLibraries = (program: string): readonly ImageFile[] => {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' })
  const libraries = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(match => match[1] ?? '')
  return [program, ...libraries].map(path => ({ path, bytes: readFileSync(path) }))
}
