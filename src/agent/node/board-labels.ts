import type { BoardFacts, boardLabelKeys } from '../../core/nodes/board.ts'
import { labelValue } from './label-value.ts'

/**
 * What a board says of itself, as labels; what it does not say is left out. Of several cards the first is told.
 *
 * @example boardLabels({ model: 'Raspberry Pi 4 Model B Rev 1.4', cards: [] })
 * // { 'dunlin.io/model': 'Raspberry-Pi-4-Model-B-Rev-1.4' }
 */
export const boardLabels = (board: BoardFacts): { readonly [key: string]: string } => {
  const { revision, firmware, supplyMilliamps, revisionCode } = board
  const [card] = board.cards
  const of: { readonly [key in (typeof boardLabelKeys)[number]]: string | undefined } = {
    'dunlin.io/model': board.model,
    'dunlin.io/serial': board.serial,
    // A plus is no character of a label.
    'dunlin.io/board': revision?.board.replace('+', '-Plus'),
    'dunlin.io/board-revision': revision?.revision,
    'dunlin.io/revision-code': revisionCode?.toString(16).padStart(4, '0'),
    'dunlin.io/processor': revision?.processor,
    'dunlin.io/board-memory': revision === undefined ? undefined : `${revision.memoryMebibytes}Mi`,
    'dunlin.io/board-manufacturer': revision?.manufacturer,
    'dunlin.io/firmware':
      firmware?.builtAt === undefined ? undefined : new Date(firmware.builtAt * 1000).toISOString().slice(0, 10),
    'dunlin.io/firmware-version': firmware?.version?.slice(0, 12),
    'dunlin.io/supply': supplyMilliamps === undefined ? undefined : `${supplyMilliamps}mA`,
    'dunlin.io/card': card?.name,
    'dunlin.io/card-type': card?.type,
    'dunlin.io/card-manufacturer': card?.manufacturer,
    'dunlin.io/card-date': card?.date,
  }
  return Object.fromEntries(
    Object.entries(of)
      .map(([key, value]) => [key, labelValue(value ?? '')] as const)
      .filter(([, value]) => value !== ''),
  )
}
