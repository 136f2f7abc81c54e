import t from 'tap'
import { faultTable } from '../../../bench/faults/faults.ts'
import {
  judgeRound,
  type RoundFacts,
  type SeenContainer,
  type SeenNode,
  type WantedPod,
} from '../../../bench/faults/judge-round.ts'

const aContainer = (of: Partial<SeenContainer> = {}): SeenContainer => ({
  node: 'a',
  podUid: 'u1',
  pod: 'web-1',
  container: 'web',
  id: 'c1',
  pid: 7,
  state: 'running',
  startedAt: '100',
  ...of,
})

const aNode = (of: Partial<SeenNode> = {}): SeenNode => ({
  node: 'a',
  containers: [aContainer()],
  interfaces: ['lo', 'eth0', 'dunlin0', 'dp1'],
  rules: ['chain x', 'chain y'],
  rests: [{ podUid: 'u1', place: 'sandbox' }],
  temporaryFiles: [],
  processes: { conmon: 1 },
  ...of,
})

const aPod = (of: Partial<WantedPod> = {}): WantedPod => ({
  uid: 'u1',
  node: 'a',
  name: 'web-1',
  containers: ['web'],
  ...of,
})

/** A round that broke nothing; a test changes one thing. */
const aRound = (of: Partial<RoundFacts> = {}): RoundFacts => ({
  fault: faultTable['hub killed'],
  before: [aNode()],
  after: [aNode()],
  wanted: [aPod()],
  acknowledged: new Map([['ledger-1', 5]]),
  found: new Map([['ledger-1', 5]]),
  requests: { answered: 100, failed: 0 },
  admitted: [],
  ended: [],
  ...of,
})

const found = (of: Partial<RoundFacts>): readonly string[] =>
  judgeRound(aRound(of)).map(one => `${one.finding}: ${one.what}`)

const cases: readonly (readonly [string, Partial<RoundFacts>, readonly string[]])[] = [
  ['a round that broke nothing', {}, []],
  [
    'another container in the place of one',
    { after: [aNode({ containers: [aContainer({ id: 'c2' })] })] },
    ['needless restart: web-1/web on a: was c1 since 100, is c2 running since 100'],
  ],
  [
    'the same container, started anew',
    { after: [aNode({ containers: [aContainer({ startedAt: '200' })] })] },
    ['needless restart: web-1/web on a: was c1 since 100, is c1 running since 200'],
  ],
  [
    'a container that runs no more',
    { after: [aNode({ containers: [aContainer({ state: 'exited' })], processes: {} })] },
    ['needless restart: web-1/web on a: was c1 since 100, is c1 exited since 100'],
  ],
  [
    'a pod that was replaced',
    {
      after: [
        aNode({ containers: [aContainer({ podUid: 'u2', id: 'c2' })], rests: [{ podUid: 'u2', place: 'sandbox' }] }),
      ],
      wanted: [aPod({ uid: 'u2' })],
    },
    ['needless restart: web-1/web on a: its pod is gone'],
  ],
  [
    'a container that had ended before and is gone',
    { before: [aNode({ containers: [aContainer(), aContainer({ container: 'init', id: 'c0', state: 'exited' })] })] },
    [],
  ],
  [
    'the container that was killed',
    {
      fault: faultTable['container killed'],
      killed: { podUid: 'u1', container: 'web' },
      after: [aNode({ containers: [aContainer({ id: 'c2' })] })],
    },
    [],
  ],
  [
    'another container than the one that was killed',
    {
      fault: faultTable['container killed'],
      killed: { podUid: 'u1', container: 'other' },
      after: [aNode({ containers: [aContainer({ id: 'c2' })] })],
    },
    ['needless restart: web-1/web on a: was c1 since 100, is c2 running since 100'],
  ],
  [
    'containers of the node that lost its power',
    {
      fault: faultTable['node rebooted'],
      node: 'a',
      after: [aNode({ containers: [aContainer({ startedAt: '200' })] })],
    },
    [],
  ],
  [
    'containers of another node than the one that lost its power',
    {
      fault: faultTable['node rebooted'],
      node: 'b',
      after: [aNode({ containers: [aContainer({ startedAt: '200' })] })],
    },
    ['needless restart: web-1/web on a: was c1 since 100, is c1 running since 200'],
  ],
  [
    'a write that went back',
    { found: new Map([['ledger-1', 4]]) },
    ['lost write: ledger-1 was acknowledged as 5, found 4'],
  ],
  ['a write that is gone', { found: new Map() }, ['lost write: ledger-1 was acknowledged as 5, found nothing']],
  ['a write that nobody acknowledged and is there', { found: new Map([['ledger-1', 6]]) }, []],
  [
    'a stranger who got in',
    { admitted: ['nobody: the broker took its connection'] },
    ['stranger admitted: nobody: the broker took its connection'],
  ],
  ['a process that ended', { ended: ['the hub ended: boom'] }, ['ended by itself: the hub ended: boom']],
  [
    'a request that failed while no way was cut',
    { requests: { answered: 9, failed: 1 } },
    ['failed request: 1 of 10 requests failed'],
  ],
  [
    'a request that failed while the way was cut',
    { fault: faultTable['link cut'], requests: { answered: 9, failed: 1 } },
    [],
  ],
  [
    'a container of a pod that nobody wants',
    {
      after: [
        aNode({
          containers: [
            aContainer(),
            aContainer({ podUid: 'u9', pod: 'old', container: 'o', id: 'c9', state: 'exited' }),
          ],
        }),
      ],
    },
    ['leftover: container o of pod old on a'],
  ],
  [
    'a pod that is wanted on another node',
    {
      wanted: [aPod(), aPod({ uid: 'u3', node: 'b' })],
      after: [aNode({ rests: [{ podUid: 'u3', place: 'volumes' }] })],
    },
    ['leftover: volumes of pod u3 on a'],
  ],
  [
    'the last run of a container, kept for its log',
    { after: [aNode({ containers: [aContainer(), aContainer({ id: 'c0', state: 'exited' })] })] },
    [],
  ],
  [
    'runs upon runs',
    { after: [aNode({ containers: [aContainer(), ...['c8', 'c9'].map(id => aContainer({ id, state: 'exited' }))] })] },
    ['leftover: 3 runs of web-1/web on a'],
  ],
  [
    'one more interface',
    { after: [aNode({ interfaces: ['lo', 'eth0', 'dunlin0', 'dp1', 'dp2'] })] },
    ['leftover: interface dp2 on a'],
  ],
  ['one interface less', { after: [aNode({ interfaces: ['lo', 'eth0', 'dunlin0'] })] }, []],
  [
    'the same rule twice',
    { after: [aNode({ rules: ['chain x', 'chain x', 'chain y'] })] },
    ['leftover: rule chain x on a'],
  ],
  [
    'a file of a write that was cut',
    { after: [aNode({ temporaryFiles: ['/disk/a.tmp'] })] },
    ['leftover: file /disk/a.tmp on a'],
  ],
  [
    'a conmon without a container',
    { after: [aNode({ processes: { conmon: 2 } })] },
    ['leftover: 2 conmons for 1 running containers on a'],
  ],
]

for (const [name, change, findings] of cases)
  t.test(`${name}: ${findings.length === 0 ? 'nothing is found' : 'is found'}`, t => {
    t.strictSame(found(change), findings)
    t.end()
  })
