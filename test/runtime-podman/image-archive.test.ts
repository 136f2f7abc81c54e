import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { imageArchive } from '../../src/runtime-podman/image-archive.ts'

const source = {
  reference: 'localhost/a/b:1',
  arch: 'arm64',
  files: [
    { path: '/bin/tool', bytes: Buffer.from('#!tool') },
    { path: '/bin/name', linkTo: 'tool' },
    { path: `/deep/${'d'.repeat(90)}/${'e'.repeat(60)}`, bytes: Buffer.from('far') },
    { path: '/tmp', mode: 0o1777 },
  ],
  command: ['/bin/tool'],
  user: '7',
}

t.test('an archive is an OCI layout whose digests hold, and tar reads it', async t => {
  const folder = t.testdir({})
  writeFileSync(`${folder}/image.tar`, imageArchive(source))
  mkdirSync(`${folder}/layout`)
  execFileSync('tar', ['-xf', `${folder}/image.tar`, '-C', `${folder}/layout`])
  const blobs = readdirSync(`${folder}/layout/blobs/sha256`)
  t.equal(blobs.length, 3)
  const blob = (digest: string): Buffer => readFileSync(`${folder}/layout/blobs/sha256/${digest.slice(7)}`)
  for (const name of blobs)
    t.equal(
      createHash('sha256')
        .update(blob(`sha256:${name}`))
        .digest('hex'),
      name,
    )
  const index = JSON.parse(readFileSync(`${folder}/layout/index.json`, 'utf8'))
  t.equal(index.manifests[0].annotations['org.opencontainers.image.ref.name'], 'localhost/a/b:1')
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString())
  const config = JSON.parse(blob(manifest.config.digest).toString())
  t.match(config, { architecture: 'arm64', os: 'linux', config: { Cmd: ['/bin/tool'], User: '7' } })
  t.strictSame(config.rootfs.diff_ids, [manifest.layers[0].digest])

  mkdirSync(`${folder}/root`)
  writeFileSync(`${folder}/layer.tar`, blob(manifest.layers[0].digest))
  execFileSync('tar', ['-xpf', `${folder}/layer.tar`, '-C', `${folder}/root`])
  t.equal(readFileSync(`${folder}/root/bin/tool`, 'utf8'), '#!tool')
  t.equal(readlinkSync(`${folder}/root/bin/name`), 'tool')
  t.equal(readFileSync(`${folder}/root/deep/${'d'.repeat(90)}/${'e'.repeat(60)}`, 'utf8'), 'far')
  t.equal(lstatSync(`${folder}/root/tmp`).mode & 0o7777, 0o1777)
  t.equal(lstatSync(`${folder}/root/bin/tool`).mode & 0o777, 0o755)
})

t.test('equal sources give equal bytes', async t => {
  t.ok(imageArchive(source).equals(imageArchive(source)))
})
