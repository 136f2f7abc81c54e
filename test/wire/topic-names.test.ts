import t from 'tap'
import { mayPublish, maySubscribe, nodeTopic, parseTopic, telemetryTopic } from '../../src/wire/topic-names.ts'

const attic = { role: 'node', node: 'attic' } as const
const watcher = { role: 'telemetry' } as const

t.test('a topic that is built is parsed back', async t => {
  t.strictSame(parseTopic('f1', nodeTopic('f1', 'attic', 'd/state')), { of: 'node', node: 'attic', suffix: 'd/state' })
  t.strictSame(parseTopic('f1', telemetryTopic('f1', 'attic', 'pod.default.web-1', 'birth')), {
    of: 'telemetry',
    node: 'attic',
    device: 'pod.default.web-1',
    what: 'birth',
  })
  t.strictSame(parseTopic('f1', 'dunlin/1/f1/b/hub'), { of: 'notice' })
})

t.test('a topic that is not ours is none', async t => {
  for (const topic of [
    'dunlin/1/f2/n/attic/d/state',
    'dunlin/1/f1/n/attic/d/state/more',
    'dunlin/1/f1/n/attic/d/other',
    'dunlin/1/f1/n/Attic/d/state',
    'dunlin/1/f1/n/+/d/state',
    'dunlin/1/f1/t/attic/node/other',
    `dunlin/1/f1/n/attic/d/${'x'.repeat(1000)}`,
    '$SYS/broker',
    '',
  ])
    t.equal(parseTopic('f1', topic), undefined, topic)
})

t.test('a name that could leave its place in a topic is refused', async t => {
  t.throws(() => nodeTopic('f1', 'attic/u', 'd/state'), /node name/)
  t.throws(() => telemetryTopic('f1', 'attic', '#', 'data'), /device/)
})

const rights: readonly (readonly ['publish' | 'subscribe', typeof attic | typeof watcher, string, boolean])[] = [
  ['publish', attic, 'dunlin/1/f1/n/attic/u/status', true],
  ['publish', attic, 'dunlin/1/f1/t/attic/node/data', true],
  ['publish', attic, 'dunlin/1/f1/n/attic/d/state', false],
  ['publish', attic, 'dunlin/1/f1/n/attic2/u/status', false],
  ['publish', attic, 'dunlin/1/f1/t/attic2/node/data', false],
  ['publish', attic, 'dunlin/1/f2/n/attic/u/status', false],
  ['publish', attic, 'dunlin/1/f1/b/hub', false],
  ['publish', attic, '$SYS/x', false],
  ['publish', watcher, 'dunlin/1/f1/t/attic/node/data', false],
  ['subscribe', attic, 'dunlin/1/f1/n/attic/d/+', true],
  ['subscribe', attic, 'dunlin/1/f1/n/attic/d/state', true],
  ['subscribe', attic, 'dunlin/1/f1/b/hub', true],
  ['subscribe', attic, 'dunlin/1/f1/n/attic/#', false],
  ['subscribe', attic, 'dunlin/1/f1/n/attic/d/#', false],
  ['subscribe', attic, 'dunlin/1/f1/n/+/d/state', false],
  ['subscribe', attic, 'dunlin/1/f1/n/cellar/d/+', false],
  ['subscribe', attic, 'dunlin/1/f1/t/attic/#', false],
  ['subscribe', attic, '#', false],
  ['subscribe', watcher, 'dunlin/1/f1/t/#', true],
  ['subscribe', watcher, 'dunlin/1/f1/t/attic/+/data', true],
  ['subscribe', watcher, 'dunlin/1/f1/#', false],
  ['subscribe', watcher, 'dunlin/1/f1/n/attic/u/status', false],
  ['subscribe', watcher, 'dunlin/1/+/t/#', false],
  ['subscribe', watcher, '$SYS/#', false],
]

for (const [act, who, topic, allowed] of rights) {
  t.test(
    `${who.role === 'node' ? 'node attic' : 'a telemetry user'} may ${allowed ? '' : 'not '}${act} ${topic}`,
    async t => {
      t.equal((act === 'publish' ? mayPublish : maySubscribe)(who, 'f1', topic), allowed)
    },
  )
}
