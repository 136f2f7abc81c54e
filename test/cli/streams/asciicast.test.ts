import t from 'tap'
import { asciicast } from '../../../src/cli/streams/asciicast.ts'

t.test('a recording is asciicast v2: a header, then what was shown and when', async t => {
  const lines: string[] = []
  let time = 1_700_000_000_500
  const cast = asciicast({
    size: { columns: 80, rows: 24 },
    write: line => lines.push(line),
    now: () => time,
    title: 'node/barn',
    term: 'xterm',
  })
  cast.output(Buffer.from('$ '))
  time += 1250
  // One character in two chunks, and a byte that belongs to none.
  cast.output(Buffer.from([0xc3]))
  cast.output(Buffer.from([0xa9, 0xff]))
  cast.resize({ columns: 100, rows: 30 })
  cast.output(Buffer.from([0xe2, 0x82]))
  cast.close()
  t.strictSame(
    lines.map(line => JSON.parse(line)),
    [
      { version: 2, width: 80, height: 24, timestamp: 1_700_000_000, title: 'node/barn', env: { TERM: 'xterm' } },
      [0, 'o', '$ '],
      [1.25, 'o', 'é\ufffd'],
      [1.25, 'r', '100x30'],
      [1.25, 'o', '\ufffd'],
    ],
  )
  t.ok(lines.every(line => line.endsWith('\n')))
})
