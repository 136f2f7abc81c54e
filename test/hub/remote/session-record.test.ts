import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { SessionEvent } from '../../../src/hub/remote/live-sessions.ts'
import { sessionRecord } from '../../../src/hub/remote/session-record.ts'
import { jsonLog, silentLog } from '../../../src/lib/log.ts'
import { folderOf } from '../../support/folder-of.ts'

const event = (session: string): SessionEvent => ({
  event: 'started',
  session,
  what: 'shell',
  user: 'ann',
  from: '10.0.0.7',
  node: 'barn',
})

t.test('events are lines of JSON in order, after those of an earlier run, and lines of the log', async t => {
  const path = join(folderOf(t), 'audit/sessions.jsonl')
  const lines: string[] = []
  const log = jsonLog({ write: line => lines.push(line), level: 'info', now: () => 0 })
  for (const names of [['a', 'b'], ['c']]) {
    const record = sessionRecord({ path, now: () => 0, log })
    for (const name of names) record.tell(event(name))
    await record.written()
  }
  const found = readFileSync(path, 'utf8').trimEnd().split('\n')
  t.strictSame(JSON.parse(found[0] ?? ''), { time: '1970-01-01T00:00:00.000Z', ...event('a') })
  t.strictSame(
    found.map(line => (JSON.parse(line) as SessionEvent).session),
    ['a', 'b', 'c'],
  )
  t.match(lines[0], /"message":"a session started".*"session":"a"/)
})

t.test('the files have a bound: the oldest is forgotten', async t => {
  const folder = folderOf(t)
  const record = sessionRecord({ path: join(folder, 'a'), now: () => 0, log: silentLog, mostFileBytes: 300 })
  for (let number = 0; number < 20; number += 1) {
    record.tell(event(`s${number}`))
    await record.written()
  }
  t.strictSame(readdirSync(folder).toSorted(), ['a', 'a.1', 'a.2', 'a.3'])
  const all = ['a.3', 'a.2', 'a.1', 'a'].map(name => readFileSync(join(folder, name), 'utf8')).join('')
  t.match(all, /"s19"/)
  t.notMatch(all, /"s0"/)
  t.ok(all.length <= 4 * 300)
})

t.test('a disk that fails is told to the log, and what comes later is written when it is well again', async t => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'in-the-way'), '')
  const lines: string[] = []
  const log = jsonLog({ write: line => lines.push(line), level: 'error', now: () => 0 })
  const record = sessionRecord({ path: join(folder, 'in-the-way/a'), now: () => 0, log })
  record.tell(event('a'))
  await record.written()
  t.match(lines.join(''), /cannot be written/)
  rmSync(join(folder, 'in-the-way'))
  record.tell(event('b'))
  await record.written()
  t.match(readFileSync(join(folder, 'in-the-way/a'), 'utf8'), /"a"[\s\S]*"b"/)
})
