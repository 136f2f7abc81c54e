import t from 'tap'
import { linesOf, logQuery } from '../../../src/cli/streams/log-lines.ts'
import { fails } from '../../support/fails.ts'

const lines = async (chunks: readonly string[], prefix: string): Promise<readonly string[]> => {
  const found: string[] = []
  const bytes: AsyncIterable<Uint8Array> = {
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield Buffer.from(chunk)
    },
  }
  for await (const line of linesOf(bytes, prefix)) found.push(Buffer.from(line).toString())
  return found
}

t.test('lines are whole and each has its prefix, however they were cut', async t => {
  t.strictSame(await lines(['a\nb', 'c\n', '\n', 'd'], '[x] '), ['[x] a\n', '[x] bc\n', '[x] \n', '[x] d\n'])
  t.strictSame(await lines([], '[x] '), [])
})

t.test('a line without end is given out in pieces', async t => {
  const found = await lines(
    Array.from({ length: 10 }, () => 'x'.repeat(100_000)),
    '',
  )
  t.equal(found.length, 4)
  t.ok(found.every(line => line.endsWith('\n')))
})

const words = (given: { readonly [option: string]: string }) => ({
  text: (option: string) => given[option],
  isSet: (option: string) => given[option] !== undefined,
})

t.test('options of a log become its query', async t => {
  const given = { follow: 'true', tail: '5', since: '1h30m', timestamps: 'true', 'limit-bytes': '9' }
  t.match(logQuery(words(given)), {
    follow: true,
    tailLines: '5',
    sinceSeconds: 5400,
    timestamps: true,
    limitBytes: '9',
    previous: undefined,
  })
  t.equal(logQuery(words({ tail: '-1' }))['tailLines'], undefined)
  await fails(t, () => logQuery(words({ since: 'soon' })), 'BadRequest', /--since=soon is not a time/)
})
