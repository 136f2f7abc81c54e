import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folderOf } from '../../support/folder-of.ts'
import { makeImage, makeStock } from './an-image.ts'
import { carriedBy, runFlash, token } from './run-flash.ts'

const folder = folderOf(t)
const carried = carriedBy(folder)

/** What is refused, with which words and exit code, before anything is written. */
const refusals: readonly (readonly [string, readonly string[], RegExp, number])[] = [
  ['a name that is none', ['--name', 'Barn_1'], /--name: "Barn_1" is no name for a node: a lowercase RFC 1123/, 2],
  ['a country that is none', ['--country', 'UK'], /--country: "UK" is no country code.*; perhaps GB is meant/, 2],
  ['a country in small letters', ['--country', 'de'], /perhaps DE is meant/, 2],
  ['Wi-Fi without a country', ['--wifi', 'Farm'], /--country: a radio stays off until/, 2],
  [
    'a short passphrase',
    ['--wifi', 'F', '--country', 'DE', '--wifi-passphrase-env', 'SHORT'],
    /has 5 characters; WPA/,
    2,
  ],
  ['a private key', ['--user', 'a', '--ssh-key', join(folder, 'private')], /this is a private key, which stays/, 2],
  ['a user without a key', ['--user', 'ada'], /without --ssh-key=FILE nobody could log in/, 2],
  ['a time zone that is none', ['--timezone', 'Berlin'], /"Berlin" is no time zone/, 2],
  ['a gateway elsewhere', ['--address', '10.0.0.2/24', '--gateway', '10.0.1.1'], /not in the network of/, 2],
  ['a token that was cut', ['--token', token.slice(0, 60)], /the join token cannot be read: .*cut/, 2],
  ['a label that is none', ['--label', 'a b=c'], /--label: name part must consist/, 2],
  ['a hub that is no address', ['--hub', 'barn'], /"barn" is not host:port/, 2],
]
for (const [what, words, says, code] of refusals)
  t.test(`refused: ${what}`, async t => {
    writeFileSync(join(folder, 'private'), '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    const image = join(folder, 'refused.img')
    if (!existsSync(image)) makeStock(image, 'bookworm')
    const output = join(folder, 'refused-out.img')
    const done = await runFlash([image, '-o', output, ...carried, ...words], { SHORT: 'short' })
    t.match([done.code, done.notes], [code, says])
    t.notOk(existsSync(output))
  })

t.test('refused: systems that cannot be told anything, no agent, and a boot partition that is full', async t => {
  const image = join(folder, 'other.img')
  const output = join(folder, 'other-out.img')
  const flashIt = (...words: readonly string[]) => runFlash([image, '-o', output, '--name', 'barn', ...words])
  makeStock(image, 'debian')
  t.match((await flashIt(...carried)).notes, /holds Debian for the Pi without cloud-init/)
  makeStock(image, 'bookworm')
  t.match((await flashIt('--token', token)).notes, /no agent yet\. Give its package/)
  makeImage(image, { bits: 16, megabytes: 9 })
  t.match((await flashIt(...carried)).notes, /a system that is not known \(nothing\)/)
  makeStock(image, 'bookworm')
  writeFileSync(join(folder, 'large.tar'), Buffer.alloc(10 * 1024 * 1024))
  t.match(
    (await flashIt(...carried, '--image', join(folder, 'large.tar'))).notes,
    /the boot partition is full: .*Leave out/,
  )
  writeFileSync(image, 'no image')
  t.match((await flashIt(...carried)).notes, /this is no image of a card/)
  t.notOk(existsSync(output))
})
