import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { boardLabelKeys } from '../../src/core/nodes/board.ts'
import { boardConditionTypes } from '../../src/core/nodes/node-conditions.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/boards.md', import.meta.url)), 'utf8')

/** First cells of the table below a heading, without their quotes. */
const firstCells = (heading: string): readonly string[] => {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`)).split('\n## ')[1] ?? ''
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell)
}

t.test('docs/boards.md names every label of a board, in order', async t => {
  t.strictSame(firstCells('Labels'), boardLabelKeys)
})

t.test('docs/boards.md names every condition of a board', async t => {
  t.strictSame(firstCells('Conditions').toSorted(), boardConditionTypes.toSorted())
})
