import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { LogOptions } from '../../src/core/pods/runtime.ts'
import { parseLogLine, utcNanos } from '../../src/runtime-podman/logs/log-line.ts'
import { readLog } from '../../src/runtime-podman/logs/read-log.ts'
import { rotateLog } from '../../src/runtime-podman/logs/rotate-log.ts'
import fc from '../support/fast-check.ts'

const line = (text: string, second = 0): string =>
  `2026-11-24T13:00:${String(second).padStart(2, '0')}.000000001+00:00 stdout F ${text}\n`

t.test('a line is read with its time, stream and text', async t => {
  const read = (text: string) => {
    const parsed = parseLogLine(Buffer.from(text))
    return parsed === undefined ? undefined : { ...parsed, text: parsed.text.toString() }
  }
  t.strictSame(read('2026-11-24T13:31:58.141042854+00:00 stdout F hi there'), {
    time: '2026-11-24T13:31:58.141042854Z',
    stream: 'stdout',
    text: 'hi there\n',
  })
  t.match(read('2026-11-24T13:31:58.1+00:00 stderr P part'), { stream: 'stderr', text: 'part' })
  t.match(read('2026-11-24T13:31:58.1+00:00 stdout F '), { text: '\n' })
  for (const wrong of [
    '',
    'hello',
    'x stdout F y',
    '2026-11-24T13:31:58Z stdin F y',
    '2026-11-24T13:31:58Z stdout X y',
  ])
    t.equal(read(wrong), undefined, wrong)
})

t.test('times are brought to UTC with nine digits', async t => {
  t.equal(utcNanos('2026-11-24T14:31:58.5+01:00'), '2026-11-24T13:31:58.500000000Z')
  t.equal(utcNanos('2026-11-24T13:31:58Z'), '2026-11-24T13:31:58.000000000Z')
  t.equal(utcNanos('1970-01-01T00:00:00.000000001Z'), '1970-01-01T00:00:00.000000001Z')
  t.equal(utcNanos('yesterday'), undefined)
})

t.test('no bytes make the parser throw', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      parseLogLine(Buffer.from(bytes))
    }),
  )
})

const read = async (path: string, options: Partial<LogOptions> = {}): Promise<string> => {
  const texts: Buffer[] = []
  const lines = readLog({
    path,
    options: { follow: false, ...options },
    signal: AbortSignal.timeout(10_000),
    isOver: async () => true,
    onEnd: () => () => undefined,
  })
  for await (const one of lines) texts.push(one.text)
  return Buffer.concat(texts).toString()
}

const aLog = (t: Test, older: readonly string[] | undefined, newest: readonly string[] | undefined): string => {
  const folder = t.testdir({})
  if (older !== undefined) writeFileSync(`${folder}/0.log.1`, older.map(text => line(text)).join(''))
  if (newest !== undefined) writeFileSync(`${folder}/0.log`, newest.map(text => line(text)).join(''))
  return `${folder}/0.log`
}

t.test('both halves are read, the older first', async t => {
  t.equal(await read(aLog(t, ['a', 'b'], ['c'])), 'a\nb\nc\n')
  t.equal(await read(aLog(t, undefined, ['c'])), 'c\n')
  t.equal(await read(aLog(t, ['a'], undefined)), 'a\n')
  t.equal(await read(aLog(t, undefined, undefined)), '')
})

t.test('the tail is taken over both halves', async t => {
  const path = aLog(t, ['a', 'b'], ['c', 'd'])
  const tails = await Promise.all([0, 1, 2, 3, 4, 5].map(tailLines => read(path, { tailLines })))
  t.strictSame(tails, ['', 'd\n', 'c\nd\n', 'b\nc\nd\n', 'a\nb\nc\nd\n', 'a\nb\nc\nd\n'])
})

t.test('for any lines, the tail is the end of all of them', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 30 }).map(text => text.replaceAll('\n', ' '))),
      fc.nat({ max: 20 }),
      fc.nat({ max: 20 }),
      async (lines, cut, tailLines) => {
        const path = aLog(t, lines.slice(0, cut), lines.slice(cut))
        const wanted = tailLines === 0 ? [] : lines.slice(-tailLines)
        t.equal(await read(path, { tailLines }), wanted.map(text => `${text}\n`).join(''))
      },
    ),
    { numRuns: 40 },
  )
})

t.test('what is older than asked is left out, and a limit cuts', async t => {
  const folder = t.testdir({ '0.log': [1, 2, 3].map(second => line(`s${second}`, second)).join('') })
  t.equal(await read(`${folder}/0.log`, { sinceTime: '2026-11-24T13:00:02Z' }), 's2\ns3\n')
  t.equal(await read(`${folder}/0.log`, { limitBytes: 4 }), 's1\ns')
})

t.test('a follower goes over rotations, however slow it is', async t => {
  const path = `${t.testdir({ '0.log': line('0') })}/0.log`
  let isOver = false
  let wake: () => void = () => undefined
  const follower = readLog({
    path,
    options: { follow: true },
    signal: AbortSignal.timeout(10_000),
    isOver: async () => isOver,
    onEnd: act => {
      wake = act
      return () => undefined
    },
  })
  const texts: string[] = []
  const next = async (): Promise<void> => {
    const step = await follower.next()
    if (step.done !== true) texts.push(step.value.text.toString().trim())
  }
  await next()
  // As conmon does it: the old file still takes lines until the new one is open.
  const rotate = (before: string, after: string): void => {
    renameSync(path, `${path}.1`)
    appendFileSync(`${path}.1`, line(before))
    writeFileSync(path, line(after))
  }
  rotate('1', '2')
  await next()
  await next()
  appendFileSync(path, line('3'))
  await next()
  rotate('4', '5')
  await next()
  await next()
  isOver = true
  wake()
  await next()
  t.strictSame(texts, ['0', '1', '2', '3', '4', '5'])
})

t.test('a follower ends when the end comes while it asks whether it came', async t => {
  const path = `${t.testdir({ '0.log': line('0') })}/0.log`
  let wake: () => void = () => undefined
  let asked = 0
  const follower = readLog({
    path,
    options: { follow: true },
    signal: AbortSignal.timeout(10_000),
    isOver: async () => {
      asked += 1
      if (asked > 1) return true
      // The answer was given before the end, and comes after it.
      wake()
      return false
    },
    onEnd: act => {
      wake = act
      return () => undefined
    },
  })
  const texts: string[] = []
  for await (const one of follower) texts.push(one.text.toString())
  t.strictSame([texts, asked], [['0\n'], 2])
})

t.test('a log is moved aside when it has grown, also where nobody reads the pipe', async t => {
  const path = `${t.testdir({ '0.log': line('x') })}/0.log`
  const of = { path, controlPipe: '/nowhere/ctl' }
  t.equal(await rotateLog({ ...of, mostBytes: 1000 }), false)
  t.equal(await rotateLog({ ...of, mostBytes: 10 }), true)
  t.equal(await rotateLog({ ...of, mostBytes: 10 }), false)
  t.equal(await read(path), 'x\n')
})
