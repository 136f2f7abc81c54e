import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { cgroupGone, endProcessesBelow } from '../../src/runtime-podman/cgroups.ts'

const root = '/sys/fs/cgroup'
const hierarchy = existsSync(`${root}/cgroup.controllers`) ? root : `${root}/pids`

/** A cgroup with a cgroup in it, in which a process sleeps. */
const aBusyCgroup = (name: string) => {
  const path = `/dunlin-test-${process.pid}-${name}`
  mkdirSync(`${hierarchy}${path}/inner`, { recursive: true })
  const child = spawn('sleep', ['1000'])
  writeFileSync(`${hierarchy}${path}/inner/cgroup.procs`, String(child.pid))
  return { path, child, ended: once(child, 'exit') }
}

t.test('a cgroup whose last process is still ending goes as soon as it has ended', async t => {
  const { path, child, ended } = aBusyCgroup('ending')
  let pauses = 0
  const gone = await cgroupGone(path, async () => {
    pauses += 1
    child.kill('SIGKILL')
    await ended
  })
  t.ok(gone)
  t.ok(pauses > 0, 'it was busy at first')
  t.notOk(existsSync(`${hierarchy}${path}`))
})

t.test('a cgroup in which somebody lives stays', async t => {
  const { path, child, ended } = aBusyCgroup('busy')
  t.notOk(await cgroupGone(path, async () => {}))
  t.ok(existsSync(`${hierarchy}${path}/inner`))
  child.kill('SIGKILL')
  await ended
  t.ok(await cgroupGone(path, ms => new Promise(resolve => setTimeout(resolve, ms))))
})

t.test('what is left below a cgroup is ended, so that the cgroup goes', async t => {
  const { path, ended } = aBusyCgroup('left')
  endProcessesBelow(path)
  await ended
  t.ok(await cgroupGone(path, ms => new Promise(resolve => setTimeout(resolve, ms))))
})
