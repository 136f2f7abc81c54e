import { Fault } from '../api/fault.ts'
import type { Installed } from '../core/services/elements.ts'
import { eachMap, nothingInstalled } from '../core/services/elements.ts'
import type { MapName } from '../core/services/ruleset.ts'

/** Our table as the kernel holds it. */
export interface TableNow {
  /** The static part's version: the end of the name of an empty set. */
  readonly version: string | undefined
  readonly installed: Installed
  readonly gone: readonly string[]
}

/** The empty set by whose name the static part is known again. (The table's comment is for people: nft's JSON leaves it out.) */
export const versionSet = (version: string): string => `set version-${version} { type ipv4_addr; }`

/**
 * Reads `nft -j list table`. Only element lists and names are looked at; whatever else is there is passed over.
 *
 * @throws {Fault} Malformed when it is no such listing
 */
export const readTable = (json: string): TableNow => {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new Fault('Malformed', 'what nft listed is no JSON', { length: json.length }, cause)
  }
  const items = isRecord(value) && Array.isArray(value['nftables']) ? (value['nftables'] as unknown[]) : undefined
  if (items === undefined) throw new Fault('Malformed', 'what nft listed has no list "nftables"')
  const maps = eachMap(() => new Map<string, string>())
  const chains = new Map<string, readonly string[]>()
  const clientSets = new Map<string, number>()
  let version: string | undefined
  let gone: readonly string[] = []
  for (const item of items) {
    if (!isRecord(item)) continue
    const found = item['map'] ?? item['set']
    if (isRecord(item['chain'])) {
      const name = wordOf(item['chain']['name'])
      // Its rules are not read back: it is written anew, in one transaction, with the first change.
      if (name.startsWith('to-')) chains.set(name, [])
    }
    if (!isRecord(found)) continue
    const name = wordOf(found['name'])
    const elements = Array.isArray(found['elem']) ? (found['elem'] as unknown[]) : []
    if (name.startsWith('version-')) version = name.slice('version-'.length)
    else if (name.startsWith('to-')) clientSets.set(name, typeof found['timeout'] === 'number' ? found['timeout'] : 0)
    else if (name === 'gone') gone = elements.map(one => readTerm(one))
    else if (isMapName(name)) for (const element of elements) maps[name].set(...readElement(element, 'map' in item))
  }
  return { version, installed: { maps, chains, clientSets }, gone }
}

const isMapName = (name: string): name is MapName => Object.hasOwn(nothingInstalled.maps, name)

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readElement = (element: unknown, isMap: boolean): [string, string] =>
  isMap && Array.isArray(element) ? [readTerm(element[0]), readTerm(element[1])] : [readTerm(element), '']

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Terms stand in terms: an element's value, in it a concatenation, in it words. Deeper ones are none of ours. */
const mostDepth = 4

/** `'tcp'`, `80`, `{ concat: […] }`, `{ goto: { target } }`, `{ elem: { val } }`, as nft writes them in text. */
const readTerm = (term: unknown, depth = mostDepth): string => {
  if (typeof term === 'string' || typeof term === 'number') return String(term)
  if (!isRecord(term) || depth === 0) return ''
  if (Array.isArray(term['concat'])) return term['concat'].map(one => readTerm(one, depth - 1)).join(' . ')
  if (isRecord(term['goto'])) return `goto ${wordOf(term['goto']['target'])}`
  if (isRecord(term['elem'])) return readTerm(term['elem']['val'], depth - 1)
  return ''
}
