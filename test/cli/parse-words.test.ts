import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { Option } from '../../src/cli/command.ts'
import { nearestOf, parseWords } from '../../src/cli/parse-words.ts'

const known: readonly Option[] = [
  { name: 'namespace', short: 'n', value: 'NAME', help: '' },
  { name: 'filename', short: 'f', value: 'FILE', many: true, help: '' },
  { name: 'watch', short: 'w', help: '' },
  { name: 'all', short: 'A', help: '' },
]

const read = (...line: string[]) => {
  const parsed = parseWords(line, known)
  return { words: parsed.words, rest: parsed.rest, ...Object.fromEntries(parsed.options) }
}

t.test('options are read in all the forms that kubectl takes', async t => {
  for (const [line, expected] of [
    [['pods', '-n', 'web'], { words: ['pods'], rest: [], namespace: ['web'] }],
    [['pods', '-nweb'], { words: ['pods'], rest: [], namespace: ['web'] }],
    [['--namespace=web', 'pods'], { words: ['pods'], rest: [], namespace: ['web'] }],
    [['--namespace', 'web'], { words: [], rest: [], namespace: ['web'] }],
    [['-wA'], { words: [], rest: [], watch: ['true'], all: ['true'] }],
    [['-f', 'a', '-f-'], { words: [], rest: [], filename: ['a', '-'] }],
    [['-n', 'a', '-n', 'b'], { words: [], rest: [], namespace: ['b'] }],
    [['x', '--', '-w', 'y'], { words: ['x'], rest: ['-w', 'y'] }],
    [['--watch=false'], { words: [], rest: [], watch: ['false'] }],
  ] as const) {
    t.strictSame(read(...line), expected, line.join(' '))
  }
})

t.test('a wrong option is named, and the nearest one offered', async t => {
  t.throws(() => read('--namspace=x'), { message: 'unknown option --namspace; did you mean --namespace?' })
  t.throws(() => read('-x'), { message: 'unknown option -x' })
  try {
    read('-n')
    t.fail('a value was missing')
  } catch (error) {
    t.ok(isFault(error, 'BadRequest'))
    t.match((error as Error).message, 'option --namespace needs a value')
  }
})

t.test('the nearest word is at most two edits away', async t => {
  t.equal(nearestOf('pdos', ['pods', 'nodes']), 'pods')
  t.equal(nearestOf('xyzzy', ['pods', 'nodes']), undefined)
})
