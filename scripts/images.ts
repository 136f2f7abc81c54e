import { readFileSync } from 'node:fs'
import { Fault } from '../src/api/fault.ts'
import { type ImageFile, imageArchive } from '../src/runtime-podman/image-archive.ts'

/** Where Debian's package busybox-static puts its one program. */
const busybox = '/bin/busybox'

/** Busybox, under the names that our examples and tests call it by. */
const applets =
  'sh ash cat cp cut date dd df du echo env false find free getopt grep head hostname httpd id ip ipcs kill ln ls mkdir mknod mount mv nc nslookup ping printf ps pwd rm sed seq sleep sort stat sync tail tee test touch tr true umount uname wc wget xargs yes'.split(
    ' ',
  )

/**
 * The image `localhost/dunlin/hello:1`, as an OCI archive: Debian's static busybox FROM scratch, made on the spot.
 *
 * @param of for another architecture than this machine's: its name in Node, and where its busybox lies
 * @throws Fault Machine where busybox-static is not installed
 */
export const helloArchive = (
  reference = 'localhost/dunlin/hello:1',
  of: { readonly arch: string; readonly busybox: string } = { arch: process.arch, busybox },
): Buffer => imageArchive({ reference, arch: of.arch, files: busyboxFiles(of.busybox), command: ['/bin/sh'] })

/** The files of a busybox world: the program, its names, users and the folders that programs expect. */
export const busyboxFiles = (path = busybox): readonly ImageFile[] => [
  { path: '/bin/busybox', bytes: program(path) },
  ...applets.map(name => ({ path: `/bin/${name}`, linkTo: 'busybox' })),
  { path: '/etc/passwd', bytes: Buffer.from(passwd), mode: 0o644 },
  { path: '/etc/group', bytes: Buffer.from('root:x:0:\nusers:x:1000:\nnogroup:x:65534:\n'), mode: 0o644 },
  { path: '/tmp', mode: 0o1777 },
  { path: '/var/tmp', mode: 0o1777 },
  { path: '/root', mode: 0o700 },
]

const passwd = `root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:user:/tmp:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`

const program = (path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Fault('Machine', `${path} cannot be read: install Debian's package busybox-static`, { path }, error)
  }
}
