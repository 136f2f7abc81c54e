import t from 'tap'
import type { Node } from '../../../src/api/types.ts'
import {
  boardAnnotation,
  boardFinding,
  isOnOtherBoard,
  nodeOnBoard,
  recordedBoard,
  withBoard,
} from '../../../src/core/nodes/board-change.ts'
import { joiningLabels } from '../../../src/core/nodes/joining-labels.ts'

const barn: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'barn', annotations: { note: 'by the door' } } }

t.test('the board that joined is remembered on the node, beside what people wrote there', async t => {
  const node = withBoard(barn, 'aaaa')
  t.strictSame(node.metadata.annotations, { note: 'by the door', [boardAnnotation]: 'aaaa' })
  t.equal(recordedBoard(node), 'aaaa')
  t.strictSame(withBoard(node, undefined).metadata.annotations, { note: 'by the door' })
})

t.test('a node that joined without a word of its board is known by its first report', async t => {
  t.equal(recordedBoard(nodeOnBoard(barn, 'aaaa') ?? barn), 'aaaa')
  t.equal(nodeOnBoard(withBoard(barn, 'aaaa'), 'bbbb'), undefined, 'and by no later one')
  t.equal(nodeOnBoard(barn, undefined), undefined)
})

t.test('another board is told, the same or an unknown one is not', async t => {
  t.match(boardFinding('aaaa', 'bbbb'), { type: 'BoardChanged', status: 'True', message: /bbbb; board aaaa joined/ })
  for (const [recorded, found] of [
    ['aaaa', 'aaaa'],
    [undefined, 'bbbb'],
    ['aaaa', undefined],
  ] as const)
    t.equal(boardFinding(recorded, found), undefined)
})

t.test('a node is on another board while its condition says so', async t => {
  const said = (status: string): Node => ({ ...barn, status: { conditions: [{ type: 'BoardChanged', status }] } })
  t.ok(isOnOtherBoard(said('True')))
  t.notOk(isOnOtherBoard(said('False')))
  t.notOk(isOnOtherBoard(barn))
  t.notOk(isOnOtherBoard(undefined))
})

const joining = {
  before: undefined,
  isSameBoard: true,
  device: { 'dunlin.io/site': 'attic', colour: 'red' },
  token: {},
  fixed: { 'kubernetes.io/arch': 'arm64' },
}

t.test('a new node has the labels of its device, those of its token above them', async t => {
  t.strictSame(joiningLabels({ ...joining, token: { colour: 'blue' } }), {
    'dunlin.io/site': 'attic',
    colour: 'blue',
    'kubernetes.io/arch': 'arm64',
  })
  t.equal(joiningLabels({ ...joining, device: {} })['dunlin.io/site'], 'default')
})

const before = {
  'dunlin.io/site': 'barn',
  'dunlin.io/serial': 'aaaa',
  'dunlin.io/card': 'SC16G',
  'kubernetes.io/arch': 'arm',
  colour: 'green',
  shelf: '3',
}

t.test('a board that takes the place of another has its labels, and not what told of the other board', async t => {
  t.strictSame(joiningLabels({ ...joining, before, isSameBoard: false, device: { colour: 'red', fan: 'yes' } }), {
    'dunlin.io/site': 'barn',
    colour: 'green',
    shelf: '3',
    fan: 'yes',
    'kubernetes.io/arch': 'arm64',
  })
})

t.test('the same board that joins again may change what it says, and loses nothing', async t => {
  t.strictSame(joiningLabels({ ...joining, before, device: { colour: 'red' } }), {
    ...before,
    colour: 'red',
    'kubernetes.io/arch': 'arm64',
  })
})
