import t from 'tap'
import { forwardWord } from '../../src/cli/forward-words.ts'
import { fails } from '../support/fails.ts'

t.test('ports are read as kubectl reads them', async t => {
  for (const [word, found] of [
    ['80', { local: 80, remote: '80' }],
    ['8080:80', { local: 8080, remote: '80' }],
    [':80', { local: 0, remote: '80' }],
    ['8080:http', { local: 8080, remote: 'http' }],
    ['http', { local: 0, remote: 'http' }],
  ] as const)
    t.strictSame(forwardWord(word, { mayNameHost: false }), found, word)
  for (const word of ['', '0', '65536', '8080:0', 'x:80', '8080:a:80', '8080:', ':', '99999:80', '8080:HTTP'])
    await fails(t, () => forwardWord(word, { mayNameHost: false }), 'BadRequest', /is not PORT/)
})

t.test('for a device a host of its LAN may stand between', async t => {
  for (const [word, found] of [
    ['8080:80', { local: 8080, remote: '80' }],
    ['8080:192.168.1.20:80', { local: 8080, remote: '80', host: '192.168.1.20' }],
    [':printer.lan:9100', { local: 0, remote: '9100', host: 'printer.lan' }],
    ['8080:[fd00::1]:80', { local: 8080, remote: '80', host: 'fd00::1' }],
  ] as const)
    t.strictSame(forwardWord(word, { mayNameHost: true }), found, word)
  for (const word of ['printer.lan:80', '8080:http', '8080:fd00::1:80', '1:a:2:b'])
    await fails(t, () => forwardWord(word, { mayNameHost: true }), 'BadRequest', /LOCAL:HOST:PORT/)
})
