import { writeFileSync } from 'node:fs'
import t from 'tap'
import { isOomOf, kernelToldOfOom } from '../../src/runtime-podman/kernel-log.ts'
import { folderOf } from '../support/folder-of.ts'

const id = 'a1'.repeat(32)
const line = (cgroup: string): string =>
  `6,1021,99,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/dunlin/pod1,task_memcg=${cgroup},task=tail,pid=12,uid=0\n`

t.test('a kill for want of memory is known by the container whose cgroup the victim was in', async t => {
  t.equal(isOomOf(id, line(`/dunlin/pod1/libpod-${id}`)), true)
  t.equal(isOomOf(id, line(`/machine.slice/libpod-${id}.scope`)), true, 'under systemd')
  t.equal(isOomOf(id, line(`/dunlin/pod1/libpod-${'b2'.repeat(32)}`)), false, 'of another container')
  t.equal(isOomOf(id, `6,1,1,-;program says task_memcg=/x/libpod-${id},\n`), false, 'of no kill')
})

t.test('a log that is not there or has no end tells of nothing, and is no error', async t => {
  t.equal(kernelToldOfOom(id, `${folderOf(t)}/none`), false)
  const empty = `${folderOf(t)}/empty`
  writeFileSync(empty, '')
  t.equal(kernelToldOfOom(id, empty), false)
  t.equal(kernelToldOfOom(id, '/dev/zero'), false)
})
