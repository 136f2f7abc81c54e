import { isUnderVoltage } from '../../core/nodes/board.ts'
import { wornWhy } from '../../core/nodes/card.ts'
import type { MachineFacts } from './facts.ts'
import type { Finding } from './finding.ts'

/** What Raspberry Pi 5 wants of its supply, and else limits its USB ports. */
const fullSupplyMilliamps = 5000

/** Judges supply and card, where the board can say anything of them. */
export const judgeBoard = (facts: MachineFacts): readonly Finding[] => [
  ...power(facts),
  ...supply(facts),
  ...cards(facts),
]

/** Bits of the Raspberry Pi firmware's throttled word (firmware documentation, get_throttled). */
const power = ({ board }: MachineFacts): readonly Finding[] => {
  const lacksVoltage = isUnderVoltage(board)
  const bits = board.throttled ?? 0
  if (lacksVoltage === undefined) return []
  if (lacksVoltage)
    return [
      {
        verdict: 'wrong',
        what: 'power',
        found: 'under-voltage now',
        mend: 'use a stronger supply and a short, thick cable',
      },
    ]
  if ((bits & 0xe) !== 0)
    return [{ verdict: 'warning', what: 'power', found: 'the CPU is slowed down now', mend: 'cool the board' }]
  if ((bits & 0x5_0000) !== 0)
    return [
      {
        verdict: 'warning',
        what: 'power',
        found: 'under-voltage or throttling since start',
        mend: 'use a stronger supply, and cool the board',
      },
    ]
  return [{ verdict: 'ok', what: 'power', found: 'steady' }]
}

const supply = ({ supplyMilliamps }: MachineFacts): readonly Finding[] => {
  if (supplyMilliamps === undefined) return []
  const found = `says that it gives ${supplyMilliamps} mA`
  return supplyMilliamps >= fullSupplyMilliamps
    ? [{ verdict: 'ok', what: 'supply', found }]
    : [
        {
          verdict: 'warning',
          what: 'supply',
          found: `${found}; the board limits its USB ports below ${fullSupplyMilliamps}`,
          mend: 'use a supply of 5 V and 5 A, or no hungry USB devices',
        },
      ]
}

const cards = ({ board, cardNames }: MachineFacts): readonly Finding[] =>
  board.cards.map(card => {
    const why = wornWhy(card)
    const name = cardNames[card.device] ?? 'card'
    if (why !== undefined)
      return {
        verdict: 'wrong',
        what: card.device,
        found: `${name}: ${why}`,
        mend: 'flash a new card with a token of "dunlin node replace NODE", before this one fails',
      }
    const used = card.lifeUsedPercent
    return {
      verdict: 'ok',
      what: card.device,
      found: `${name}${used === undefined ? ', which does not tell its wear' : `, ${used} % of its life used`}`,
    }
  })
