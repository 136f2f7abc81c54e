import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type ImageFile, imageArchive } from '../src/runtime-podman/image-archive.ts'
import { dynamicBusybox } from './debian-part.ts'
import { busyboxFiles } from './images.ts'

/**
 * The image `localhost/dunlin/tools:1` of the examples, as an OCI archive: busybox, getent and git with this machine's own C
 * library and its resolver, so that programs in it look names up as everybody's do.
 *
 * @throws Fault Machine where a program or package cannot be had
 */
export const toolsArchive = (): Buffer => {
  const programs = [dynamicBusybox(), '/usr/bin/getent', '/usr/bin/git']
  const others = busyboxFiles().filter(file => file.path !== '/bin/busybox')
  return imageArchive({
    reference: 'localhost/dunlin/tools:1',
    arch: process.arch,
    files: [
      ...others,
      { path: '/bin/busybox', bytes: readFileSync(programs[0] ?? '') },
      ...programs.slice(1).map(path => ({ path: `/bin/${path.split('/').at(-1)}`, bytes: readFileSync(path) })),
      ...libraries(programs),
      { path: '/etc/nsswitch.conf', bytes: Buffer.from('hosts: files dns\n'), mode: 0o644 },
    ],
    command: ['/bin/sh'],
  })
}

/** Every shared library that the programs name, at the path at which they look for it. */
const libraries = (programs: readonly string[]): readonly ImageFile[] => {
  const paths = new Set(
    programs.flatMap(program =>
      [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path),
    ),
  )
  return [...paths].map(path => ({ path, bytes: readFileSync(path) }))
}
