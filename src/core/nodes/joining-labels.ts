import { boardLabelKeys } from './board.ts'

export interface Labels {
  readonly [key: string]: string
}

const siteLabel = 'dunlin.io/site'

/**
 * The labels of a node when a board joins as it.
 *
 * A new node has those of the device, and those of the join token above them. The same board that joins again changes
 * what it says of itself. A board that takes the place of another gets the other's labels, all but those that told of
 * the other board itself; what it says of itself only adds to them.
 *
 * @param of.before labels of the node of that name; undefined where there was none
 * @param of.fixed what nobody chooses: architecture, system, host name
 */
export const joiningLabels = (of: {
  readonly before: Labels | undefined
  readonly isSameBoard: boolean
  readonly device: Labels
  readonly token: Labels
  readonly fixed: Labels
}): Labels => {
  const { before = {}, device, token, fixed } = of
  const ofBoard = new Set<string>(boardLabelKeys)
  const kept = Object.fromEntries(Object.entries(before).filter(([key]) => of.isSameBoard || !ofBoard.has(key)))
  const own = of.isSameBoard ? { ...kept, ...device } : { ...device, ...kept }
  return { [siteLabel]: 'default', ...own, ...token, ...fixed }
}
