import t from 'tap'
import { reporter } from '../../src/agent/report.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { PodReport } from '../../src/wire/payloads.ts'
import { manualClock } from '../fakes/clock.ts'
import { fakeHubLink } from '../fakes/hub-link.ts'

const ready = (isReady: boolean, more: object = {}, uid = 'uid-1'): PodReport => ({
  uid,
  namespace: 'default',
  name: 'hello',
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }], ...more },
})

const open = (present: readonly string[] | 'not looked' = ['uid-1']) => {
  const clock = manualClock()
  const link = fakeHubLink()
  const reports = reporter({
    link,
    clock,
    log: silentLog,
    presentPodUids: () => (present === 'not looked' ? undefined : present),
  })
  return { clock, link, reports }
}

t.test('readiness goes at once, anything else within two seconds and together', async t => {
  const { clock, link, reports } = open()
  link.connect()
  await clock.advance(10)
  const before = link.reports.length
  reports.pod(ready(true))
  await clock.advance(10)
  t.equal(link.reports.length, before + 1)
  for (const message of ['a', 'b', 'c']) reports.pod(ready(true, { message }))
  await clock.advance(1900)
  t.equal(link.reports.length, before + 1)
  await clock.advance(200)
  t.equal(link.reports.length, before + 2)
  t.equal(link.pods.get('uid-1')?.status?.message, 'c')
})

t.test('what did not change is not sent', async t => {
  const { clock, link, reports } = open()
  link.connect()
  reports.pod(ready(true))
  await clock.advance(5000)
  const before = link.reports.length
  reports.pod(ready(true))
  await clock.advance(60_000)
  t.equal(link.reports.length, before)
})

t.test('without a hub the newest is kept, and goes with the full report', async t => {
  const { clock, link, reports } = open(['uid-1', 'uid-2'])
  reports.pod(ready(false))
  reports.pod(ready(true))
  reports.pod(ready(true, {}, 'uid-2'))
  await clock.advance(60_000)
  link.connect()
  await clock.advance(3000)
  t.strictSame([...link.pods.keys()], ['uid-1', 'uid-2'])
  t.equal(link.pods.get('uid-1')?.status?.conditions?.[0]?.status, 'True')
  t.strictSame(link.reports.at(-1)?.presentPodUids, ['uid-1', 'uid-2'])
})

t.test('a full report of many pods comes in parts, and the list of all comes with the last', async t => {
  const uids = Array.from({ length: 120 }, (_, at) => `uid-${at}`)
  const { clock, link, reports } = open(uids)
  for (const uid of uids) reports.pod(ready(true, {}, uid))
  link.connect()
  await clock.advance(5000)
  t.strictSame(
    link.reports.map(one => `${one.pods?.length} ${one.presentPodUids?.length}`),
    ['50 undefined', '50 undefined', '20 120'],
  )
})

t.test('before the node has looked, no list of pods is sent', async t => {
  const { clock, link, reports } = open('not looked')
  reports.pod(ready(true))
  link.connect()
  await clock.advance(10_000)
  t.ok(link.reports.every(one => one.presentPodUids === undefined))
  t.equal(link.pods.size, 1)
})

t.test('a report that is refused is sent again, with what came meanwhile', async t => {
  const { clock, link, reports } = open()
  link.connect()
  await clock.advance(3000)
  const send = link.report
  let refusals = 2
  link.report = async report => {
    refusals -= 1
    if (refusals >= 0) throw new Error('lost')
    await send(report)
  }
  reports.pod(ready(true))
  await clock.advance(100)
  reports.pod(ready(false))
  await clock.advance(10_000)
  t.equal(link.pods.get('uid-1')?.status?.conditions?.[0]?.status, 'False')
})

t.test('a pod that is gone is said to be gone once, and then forgotten', async t => {
  const { clock, link, reports } = open([])
  link.connect()
  reports.pod(ready(true))
  await clock.advance(3000)
  reports.pod({ uid: 'uid-1', namespace: 'default', name: 'hello', gone: true })
  await clock.advance(3000)
  t.equal(link.pods.size, 0)
  link.disconnect()
  link.connect()
  const before = link.reports.length
  await clock.advance(3000)
  t.ok(link.reports.slice(before).every(one => one.pods === undefined))
})

t.test('a full report says how the node is, also where that did not change', async t => {
  const { clock, link, reports } = open()
  link.connect()
  const conditions = [{ type: 'Ready', status: 'True' }]
  const nodeInfo = {
    architecture: 'arm64',
    bootID: 'b',
    containerRuntimeVersion: 'podman://4.3.1',
    kernelVersion: '6.1',
    kubeProxyVersion: '',
    kubeletVersion: '0.1.0',
    machineID: 'm',
    operatingSystem: 'linux',
    osImage: 'Debian',
    systemUUID: 's',
  }
  reports.node({ addresses: [], capacity: {}, allocatable: {}, conditions, nodeInfo, images: [], labels: {} })
  await clock.advance(5000)
  const before = link.reports.length
  link.disconnect()
  link.connect()
  await clock.advance(5000)
  t.match(link.reports.slice(before), [{ node: { conditions } }])
})
