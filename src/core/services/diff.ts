import type { Installed } from './elements.ts'
import { nothingInstalled } from './elements.ts'
import type { MapName } from './ruleset.ts'
import { tableName } from './ruleset.ts'

/** A change of our table, as text for nft. Each text is one transaction: all of it or nothing. */
export interface Change {
  /** Empty when nothing is to be done. */
  readonly batch: string
  /** What no rule refers to any more. A kernel before 6.2 may still refuse this for a second; it is asked again later. */
  readonly cleanup: string
}

/**
 * What brings the table from what is installed to what is wanted, in an order that nft accepts: new client sets and chains, then
 * elements (an old value goes before the new one comes), then what is left over.
 *
 * @example diff(nothingInstalled, elementsOf(plan)).batch // 'add element ip dunlin svc { 10.96.0.1 . tcp . 80 : goto svc-2 }\n…'
 */
export const diff = (installed: Installed, wanted: Installed): Change => {
  const lines: string[] = []
  for (const [name, seconds] of wanted.clientSets)
    if (!installed.clientSets.has(name)) lines.push(addClientSet(name, seconds))
  for (const [name, rules] of wanted.chains) {
    const before = installed.chains.get(name)
    if (before !== undefined && equalLists(before, rules)) continue
    lines.push(`add chain ip ${tableName} ${name}`)
    if (before !== undefined) lines.push(`flush chain ip ${tableName} ${name}`)
    for (const rule of rules) lines.push(`add rule ip ${tableName} ${name} ${rule}`)
  }
  for (const name of mapNames) {
    const from = installed.maps[name]
    const to = wanted.maps[name]
    const removed = [...from.keys()].filter(key => from.get(key) !== to.get(key))
    const added = [...to].filter(([key, value]) => from.get(key) !== value)
    lines.push(...elementLines('delete', name, removed))
    lines.push(...elementLines('add', name, added.map(writeElement)))
  }
  const oldChains = [...installed.chains.keys()].filter(name => !wanted.chains.has(name))
  const oldSets = [...installed.clientSets.keys()].filter(name => !wanted.clientSets.has(name))
  lines.push(...oldChains.map(name => `flush chain ip ${tableName} ${name}`))
  return { batch: joinLines(lines), cleanup: removal(oldChains, oldSets) }
}

/**
 * Everything anew in one transaction, whatever is installed now: for when what is installed is not known.
 * Traffic never meets a half-filled table.
 */
export const refill = (staticRules: string, comment: string, wanted: Installed): string =>
  joinLines([
    `add table ip ${tableName}`,
    `delete table ip ${tableName}`,
    `add table ip ${tableName} { comment "${comment}"; }`,
    `table ip ${tableName} {\n${staticRules}\n}`,
    diff(nothingInstalled, wanted).batch.trimEnd(),
  ])

export const mapNames = Object.keys(nothingInstalled.maps) as readonly MapName[]

/** nft reads a line of any length, but a line names its error better when it is not endless. */
const mostInLine = 500

const elementLines = (verb: 'add' | 'delete', name: MapName, elements: readonly string[]): readonly string[] => {
  const lines: string[] = []
  for (let at = 0; at < elements.length; at += mostInLine)
    lines.push(`${verb} element ip ${tableName} ${name} { ${elements.slice(at, at + mostInLine).join(', ')} }`)
  return lines
}

const writeElement = ([key, value]: readonly [string, string]): string => (value === '' ? key : `${key} : ${value}`)

const addClientSet = (name: string, seconds: number): string =>
  `add set ip ${tableName} ${name} { type ipv4_addr; flags dynamic, timeout; timeout ${seconds}s; }`

const removal = (chains: readonly string[], sets: readonly string[]): string =>
  joinLines([
    ...chains.map(name => `delete chain ip ${tableName} ${name}`),
    ...sets.map(name => `delete set ip ${tableName} ${name}`),
  ])

const joinLines = (lines: readonly string[]): string =>
  lines.filter(line => line !== '').length === 0 ? '' : `${lines.filter(line => line !== '').join('\n')}\n`

const equalLists = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index])
