import t from 'tap'
import { drawRound } from '../../../bench/faults/draw-round.ts'
import { faultNames, faultTable } from '../../../bench/faults/faults.ts'

const nodes = ['a', 'b', 'c']
const draw = (seed: number, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => drawRound({ seed, number: from + index, nodes }))

t.test('the same seed draws the same rounds, wherever one begins', t => {
  t.strictSame(draw(1, 1, 100).slice(40), draw(1, 41, 60))
  t.end()
})

t.test('another seed draws another order', t => {
  t.notSame(
    draw(1, 1, 23).map(round => round.fault),
    draw(2, 1, 23).map(round => round.fault),
  )
  t.end()
})

t.test('each deck holds every fault once, and no two decks have one order', t => {
  const size = faultNames.length
  const orders = [0, 1, 2, 3].map(deck => draw(7, deck * size + 1, size).map(round => round.fault))
  for (const order of orders) t.strictSame(order.toSorted(), faultNames.toSorted())
  t.equal(new Set(orders.map(String)).size, orders.length)
  t.end()
})

t.test('a round lasts as long as its fault may, and names a node where it happens to one', t => {
  const met = new Set<string>()
  for (const round of draw(3, 1, 300)) {
    const { lasts, onNode } = faultTable[round.fault]
    t.ok(round.lastsMs >= lasts[0] && round.lastsMs <= lasts[1], `${round.fault} lasts ${round.lastsMs}`)
    t.equal(round.node !== undefined, onNode, round.fault)
    t.ok(round.choice >= 0 && round.choice < 1)
    if (round.node !== undefined) met.add(round.node)
  }
  t.strictSame([...met].toSorted(), nodes, 'every node is met')
  t.end()
})

t.test('only the named faults are drawn where some are named', t => {
  const only = ['hub killed', 'agent killed'] as const
  const drawn = Array.from({ length: 10 }, (_, index) => drawRound({ seed: 1, number: index + 1, nodes, only }).fault)
  t.strictSame([...new Set(drawn)].toSorted(), [...only].toSorted())
  t.throws(() => drawRound({ seed: 1, number: 1, nodes, only: [] }), /no fault to draw/)
  t.throws(() => drawRound({ seed: 1, number: 0, nodes }), /number from 1/)
  t.end()
})
