import { createHash } from 'node:crypto'

/** One file, folder or link of an image. Folders above it are made by themselves. */
export interface ImageFile {
  /** Absolute path in the image. */
  readonly path: string
  /** Bytes of a file; absent for a folder or a link. */
  readonly bytes?: Uint8Array
  /** Target of a symbolic link. */
  readonly linkTo?: string
  /** Permission bits; 0o755 unless said. */
  readonly mode?: number
}

export interface ImageSource {
  /** Full name, e.g. `localhost/dunlin/hello:1`. */
  readonly reference: string
  readonly files: readonly ImageFile[]
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: readonly string[]
  readonly user?: string
  /** Node's name of the architecture (`process.arch`). */
  readonly arch: string
}

/**
 * An OCI archive (a tar of an OCI image layout, OCI image specification 1.0) with one image of one layer, made
 * FROM scratch in memory. Equal sources give equal bytes: all times are zero.
 *
 * @example await writeFile('hello.tar', imageArchive({ reference: 'localhost/dunlin/hello:1', files, arch: process.arch }))
 */
export const imageArchive = (image: ImageSource): Buffer => {
  const layer = tar(withFolders(image.files))
  const config = json({
    created: '1970-01-01T00:00:00Z',
    architecture: goArch[image.arch] ?? image.arch,
    os: 'linux',
    config: {
      ...(image.entrypoint === undefined ? {} : { Entrypoint: image.entrypoint }),
      ...(image.command === undefined ? {} : { Cmd: image.command }),
      ...(image.user === undefined ? {} : { User: image.user }),
      Env: image.env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'dunlin' }],
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: blobOf('application/vnd.oci.image.config.v1+json', config),
    layers: [blobOf('application/vnd.oci.image.layer.v1.tar', layer)],
  })
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...blobOf('application/vnd.oci.image.manifest.v1+json', manifest),
        annotations: { 'org.opencontainers.image.ref.name': image.reference },
      },
    ],
  })
  return tar([
    { path: '/oci-layout', bytes: json({ imageLayoutVersion: '1.0.0' }), mode: 0o644 },
    { path: '/index.json', bytes: index, mode: 0o644 },
    ...[config, layer, manifest].map(bytes => ({
      path: `/blobs/sha256/${digestOf(bytes).slice(7)}`,
      bytes,
      mode: 0o644,
    })),
  ])
}

/** Go's names of the architectures, as image configs carry them. */
const goArch: { readonly [nodeArch: string]: string } = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const blobOf = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })

/** The files with every folder above them, folders first. */
const withFolders = (files: readonly ImageFile[]): readonly ImageFile[] => {
  const all = new Map<string, ImageFile>()
  for (const file of files) {
    const parts = file.path.split('/').filter(part => part !== '')
    for (let depth = 1; depth < parts.length; depth += 1) {
      const path = `/${parts.slice(0, depth).join('/')}`
      if (!all.has(path)) all.set(path, { path })
    }
    all.set(file.path, file)
  }
  return [...all.values()]
}

/** POSIX ustar (IEEE 1003.1): a header of 512 bytes before each entry, two empty blocks at the end. */
const tar = (files: readonly ImageFile[]): Buffer => {
  const blocks: Buffer[] = []
  for (const file of files) {
    const bytes = file.bytes ?? Buffer.alloc(0)
    blocks.push(header(file, bytes.length), Buffer.from(bytes))
    const rest = bytes.length % 512
    if (rest > 0) blocks.push(Buffer.alloc(512 - rest))
  }
  blocks.push(Buffer.alloc(1024))
  return Buffer.concat(blocks)
}

const header = (file: ImageFile, size: number): Buffer => {
  const block = Buffer.alloc(512)
  const type = file.linkTo !== undefined ? '2' : file.bytes === undefined ? '5' : '0'
  const path = `${file.path.replace(/^\/+/, '')}${type === '5' ? '/' : ''}`
  const cut = path.length <= 100 ? -1 : path.lastIndexOf('/', 154)
  block.write(path.slice(cut + 1), 0, 100)
  if (cut > 0) block.write(path.slice(0, cut), 345, 155)
  block.write(`${(file.mode ?? 0o755).toString(8).padStart(7, '0')}\0`, 100)
  block.write(`${'0'.repeat(7)}\0${'0'.repeat(7)}\0`, 108)
  block.write(`${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0`, 124)
  block.write('        ', 148)
  block.write(type, 156)
  block.write(file.linkTo ?? '', 157, 100)
  block.write('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
