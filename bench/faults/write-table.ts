import { readFileSync, writeFileSync } from 'node:fs'
import { faultNames, faultTable } from './faults.ts'
import { faultsTable, type ResultLine } from './table.ts'

const begin = '<!-- faults: written by npm run faults -- --table -->'
const end = '<!-- faults: end -->'

/** Writes the table between its marks. @throws Error where the page has no marks */
export const writeTable = (of: { readonly results: string; readonly page: string }): void => {
  const lines = readFileSync(of.results, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map((line): ResultLine => JSON.parse(line))
  const page = readFileSync(of.page, 'utf8')
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${of.page} has no lines "${begin}" and "${end}" to write between`)
  const table = faultsTable(
    lines,
    faultNames.map(name => [name, faultTable[name].about] as const),
  )
  writeFileSync(of.page, `${page.slice(0, from)}${begin}\n\n${table}\n\n${page.slice(to)}`)
}
