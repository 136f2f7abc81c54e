import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { labelOf, labelSvg, labelText } from '../../../src/cli/flash/label/label.ts'
import { type QrCode, qrCode } from '../../../src/cli/flash/label/qr.ts'
import { aHub } from '../../hub/identity/a-hub.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'
import { getFile, makeStock } from './an-image.ts'
import { carriedBy, runFlash, token } from './run-flash.ts'

const folder = folderOf(t)

/** The code as a picture of grey values that zbar reads: eight pixels a module. */
const pictureOf = (code: QrCode): Buffer => {
  const side = (code.length + 8) * 8
  const pixels = Buffer.alloc(side * side, 255)
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1)
      if (code[Math.floor(y / 8) - 4]?.[Math.floor(x / 8) - 4] === true) pixels[y * side + x] = 0
  return Buffer.concat([Buffer.from(`P5\n${side} ${side}\n255\n`), pixels])
}

t.test('a reader reads what was written, in codes of every size', async t => {
  const texts = [1, 14, 15, 27, 43, 63, 85, 107, 123, 153, 180].map(length =>
    `dunlin:${'barn-7?hub='.repeat(20)}`.slice(0, length),
  )
  const paths = texts.map((text, at) => {
    const path = join(folder, `${at}.pgm`)
    writeFileSync(path, pictureOf(qrCode(text)))
    return path
  })
  const read = execFileSync('zbarimg', ['--quiet', '--nodbus', '--raw', '-Sdisable', '-Sqrcode.enable', ...paths], {
    encoding: 'utf8',
  })
  t.strictSame(read.trimEnd().split('\n'), texts)
  t.strictSame(
    texts.map(text => (qrCode(text).length - 17) / 4),
    [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9],
  )
  await fails(t, () => qrCode('x'.repeat(181)), 'BadRequest', /at most 180 bytes, not 181/)
})

t.test('a label has the name, the hub’s key and the token’s id, and never its secret', async t => {
  const label = labelOf('barn', token)
  t.match(labelText(label), /▄[\s\S]*\nbarn\nhub A{43}\ntoken abcdefgh\n$/)
  t.match(labelSvg(label), /^<svg [\s\S]*>barn<\/text>/)
  t.notMatch(labelText(label) + labelSvg(label), 'bbbb')
})

/** As the admin of that hub. */
const kubeconfigOf = (hub: Awaited<ReturnType<typeof aHub>>): string => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const { certificate, key } = hub.keys.admin
  const path = join(folder, 'kubeconfig')
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'x',
          cluster: { server: `https://${hub.server.address}`, 'certificate-authority-data': base64(hub.keys.ca.pem) },
        },
      ],
      users: [{ name: 'x', user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      'current-context': 'x',
    }),
  )
  return path
}

t.test('many names make many cards, each with a token that is made for it alone, and a label', async t => {
  const hub = await aHub(t)
  const image = join(folder, 'image.img')
  makeStock(image, 'bookworm')
  const words = ['--package', folder, '--name', 'barn', '--name', 'shed', '--label-folder', join(folder, 'labels')]
  carriedBy(folder)
  const one = await runFlash([image, '-o', join(folder, 'one.img'), ...words])
  t.match([one.code, one.notes], [2, /it must hold \{name\}/])
  const output = join(folder, '{name}.img')
  t.match(
    (await runFlash([image, '-o', output, ...words, '--token', token])).notes,
    /--token is good for one card, and 2/,
  )
  t.match((await runFlash([image, '-o', output, ...words, '--name', 'barn'])).notes, /--name=barn is given twice/)
  const done = await runFlash([image, '-o', output, ...words, '--kubeconfig', kubeconfigOf(hub)])
  t.equal(done.code, 0, done.notes)
  for (const name of ['barn', 'shed']) {
    t.match(getFile(join(folder, `${name}.img`), 'dunlin/join.json').toString(), `"name": "${name}"`)
    t.match(done.out, `${name}\nhub `)
    t.match(readFileSync(join(folder, 'labels', `${name}.svg`), 'utf8'), `>${name}</text>`)
  }
  t.strictSame(
    hub.identity.tokens.list().map(one => one.node),
    ['barn', 'shed'],
    'a token each, and none for the tries before',
  )
})

t.test('Raspberry Pi Imager is told sizes, hashes and how each image is customised', async t => {
  const image = join(folder, 'raspios.img')
  makeStock(image, 'trixie')
  const bytes = readFileSync(image)
  const packed = gzipSync(bytes)
  writeFileSync(`${image}.gz`, packed)
  const hash = (of: Buffer): string => createHash('sha256').update(of).digest('hex')
  const done = await runFlash(['--imager-list', `${image}.gz`, image, '--url', 'https://images.example/'])
  t.equal(done.code, 0, done.notes)
  const [first, second] = JSON.parse(done.out).os_list
  t.match(first, {
    name: 'raspios',
    url: 'https://images.example/raspios.img.gz',
    extract_size: bytes.length,
    extract_sha256: hash(bytes),
    image_download_size: packed.length,
    image_download_sha256: hash(packed),
    release_date: /^\d{4}-\d\d-\d\d$/,
    init_format: 'cloudinit-rpi',
    devices: ['pi3-64bit', 'pi4-64bit', 'pi5-64bit'],
  })
  t.equal(second.image_download_size, bytes.length)
  t.notOk(existsSync(join(folder, 'labels', 'raspios.svg')))
})
