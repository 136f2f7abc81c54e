import t from 'tap'
import { copyPlace } from '../../src/cli/copy-places.ts'
import { fails } from '../support/fails.ts'

t.test('what stands before the first colon says where', async t => {
  for (const [word, place] of [
    ['a.txt', { at: 'here', path: 'a.txt' }],
    ['/a:b', { at: 'here', path: '/a:b' }],
    ['./a:b', { at: 'here', path: './a:b' }],
    ['../a:b', { at: 'here', path: '../a:b' }],
    ['web:/srv', { at: 'pod', pod: 'web', path: '/srv' }],
    ['web:srv', { at: 'pod', pod: 'web', path: 'srv' }],
    ['shop/web:/a:b', { at: 'pod', namespace: 'shop', pod: 'web', path: '/a:b' }],
    ['node/barn:/var/log', { at: 'node', node: 'barn', path: '/var/log' }],
    ['no/barn:/', { at: 'node', node: 'barn', path: '/' }],
    ['node:/x', { at: 'pod', pod: 'node', path: '/x' }],
  ] as const)
    t.strictSame(copyPlace(word), place, word)
})

t.test('what is no place is refused', async t => {
  for (const word of [':/x', 'web:', 'a/b/c:/x', 'a//b:/x', '/:x'.slice(1)])
    await fails(t, () => copyPlace(word), 'BadRequest', /none of PATH/)
  await fails(t, () => copyPlace('node/barn:log'), 'BadRequest', /begins with a slash/)
})
