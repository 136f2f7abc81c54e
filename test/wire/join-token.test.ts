import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { formatJoinToken, parseJoinToken } from '../../src/wire/join-token.ts'

const token = {
  id: 'k3vabcde',
  secret: 'abcdefghijklmnopqrstuvwxyz',
  pin: `${'A'.repeat(42)}E`,
  addresses: ['192.168.1.2:6443', 'hub.example:6443'],
}
const word = formatJoinToken(token)

const wrongOf = (text: string): string => {
  try {
    parseJoinToken(text)
    return ''
  } catch (error) {
    return isFault(error, 'Malformed') ? error.message : String(error)
  }
}

t.test('the word ends with a check', async t => {
  t.match(word, /^dunlin1(\.[A-Za-z0-9_-]+){4}\.[a-z2-7]{6}$/)
  t.strictSame(parseJoinToken(word), token)
})

t.test('a word that was changed in any one place is seen to be, wherever that is', async t => {
  for (let at = 0; at < word.length; at += 1) {
    const changed = `${word.slice(0, at)}${word[at] === 'x' ? 'y' : 'x'}${word.slice(at + 1)}`
    t.match(wrongOf(changed), /^the join token cannot be read: /, `character ${at}`)
  }
})

t.test('a word that was cut is seen to be, wherever that is', async t => {
  for (let length = 0; length < word.length; length += 1)
    t.match(wrongOf(word.slice(0, length)), /^the join token cannot be read: /, `after ${length}`)
})

t.test('two characters that changed places, and capitals that a telephone made, are seen', async t => {
  const at = word.indexOf('efg')
  t.match(wrongOf(`${word.slice(0, at)}feg${word.slice(at + 3)}`), /does not fit the rest/)
  t.match(wrongOf(word.replace('dunlin1', 'Dunlin1')), /must begin with "dunlin1\."/)
  t.match(wrongOf(word.slice(0, -6) + word.slice(-6).toUpperCase()), /does not fit the rest/)
})

t.test('what is wrong with a word repeats no secret', async t => {
  t.notMatch(wrongOf(word.slice(0, -1)), new RegExp(token.secret))
  t.notMatch(wrongOf(word.replace('k3vabcde', 'k3vabcdx')), new RegExp(token.secret))
})

t.test('a word from before there was a check is named as such', async t => {
  t.match(wrongOf(word.split('.').slice(0, 5).join('.')), /has 5 parts; expected 6.*made by a hub from before 0\.1\.0/)
})
