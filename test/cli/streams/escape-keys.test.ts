import t from 'tap'
import { escapeByte, escapeKeys } from '../../../src/cli/streams/escape-keys.ts'
import { fails } from '../../support/fails.ts'

const key = 0x1d
const typed = (...chunks: readonly (readonly (string | number)[])[]) => {
  const keys = escapeKeys(key)
  return chunks.map(chunk => {
    const { send, wish } = keys(Buffer.concat(chunk.map(one => Buffer.from(typeof one === 'string' ? one : [one]))))
    return [Buffer.from(send).toString('latin1'), wish]
  })
}

t.test('the escape key and a letter are a wish, and are not sent', async t => {
  t.strictSame(typed(['ls', key, 'd']), [['ls', 'detach']])
  t.strictSame(typed([key, '.']), [['', 'end']])
  t.strictSame(typed(['a', key, '?']), [['a', 'help']])
})

t.test('they may come in two pieces', async t => {
  t.strictSame(typed(['x', key], ['d']), [
    ['x', undefined],
    ['', 'detach'],
  ])
})

t.test('the key twice is sent once, and before anything else it is sent too', async t => {
  t.strictSame(typed([key, key, 'd']), [['\x1dd', undefined]])
  t.strictSame(typed([key, 'x']), [['\x1dx', undefined]])
})

t.test('bytes that are no characters pass', async t => {
  t.strictSame(typed([0xff, 0xc3, 0x28]), [['\xff\xc3(', undefined]])
})

t.test('without an escape key everything is sent', async t => {
  t.strictSame([...escapeKeys(undefined)(Uint8Array.from([key, 100])).send], [key, 100])
})

t.test('keys are named as terminals show them', async t => {
  t.equal(escapeByte('^]'), 0x1d)
  t.equal(escapeByte('^p'), 0x10)
  t.equal(escapeByte('~'), 0x7e)
  t.equal(escapeByte('none'), undefined)
  await fails(t, () => escapeByte('F1'), 'BadRequest', /--escape=F1 is no key/)
})
