import { type Document, isAlias, isMap, isNode, isScalar, isSeq, parseAllDocuments, stringify } from 'yaml'
import { Fault } from './fault.ts'
import { maxDepth } from './strict-json.ts'

export interface YamlDocument {
  /** The value as JSON has it; undefined for an empty document. */
  readonly value: unknown
  /** Keys that stand twice in their map, with their line: `key "replicas" at line 7`. The last one won. */
  readonly duplicates: readonly string[]
}

/** Anchors are repeated at most this often: no small text becomes a large value. */
const maxAliasCount = 100

/** How many duplicates are told; more add nothing. */
const maxDuplicates = 32

/** YAML streams hold no more documents than this. */
const maxDocuments = 1_000

/**
 * Reads a YAML stream the way Kubernetes does: YAML 1.1 words for booleans and octal numbers (`yes`, `0644`), merge keys,
 * no times, sets or sexagesimal numbers, keys are texts. Empty documents are left out.
 *
 * @throws Fault BadRequest naming the line
 * @example parseYaml('a: 0644').at(0)?.value // { a: 420 }
 */
export const parseYaml = (text: string): readonly YamlDocument[] => {
  const documents = composed(text)
  if (documents.length > maxDocuments) {
    throw new Fault(
      'BadRequest',
      `the YAML holds ${documents.length} documents; at most ${maxDocuments} are read at once`,
    )
  }
  return documents.flatMap(document => {
    const read = readDocument(document, text)
    return read.value === null || read.value === undefined ? [] : [read]
  })
}

/**
 * Where the members and items of the first document stand: the line of a path's key or item, else of what holds it.
 *
 * @throws Fault BadRequest as `parseYaml`
 * @example yamlLines('a:\n  - b')(['a', 0]) // 2
 */
export const yamlLines = (text: string): ((path: readonly (string | number)[]) => number) => {
  const document = composed(text).find(one => one.contents !== null)
  return path => {
    let node: unknown = document?.contents
    let line = lineOf(node, text)
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(one => isScalar(one.key) && String(one.key.value) === String(step))
        if (pair === undefined) break
        line = lineOf(pair.key, text)
        node = pair.value
      } else if (isSeq(node) && typeof step === 'number') {
        node = node.items[step]
        line = isNode(node) ? lineOf(node, text) : line
      } else break
    }
    return line
  }
}

/** YAML text of a JSON value, as `-o yaml` prints it. */
export const formatYaml = (value: unknown): string =>
  stringify(value, {
    aliasDuplicateObjects: false,
    lineWidth: 0,
    version: '1.1',
    sortMapEntries: true,
    indentSeq: false,
  })

const composed = (text: string): readonly Document[] => {
  try {
    const documents = parseAllDocuments(text, {
      version: '1.1',
      uniqueKeys: false,
      merge: true,
      logLevel: 'silent',
      // The place of the first mistake is found below; of all of them it would take quadratic time.
      prettyErrors: false,
      customTags: tags => tags.filter(tag => typeof tag !== 'object' || !notOurs(tag)),
    })
    return Array.isArray(documents) ? documents : []
  } catch (error) {
    // The reader recurses: a text that is nested without end ends here.
    if (error instanceof RangeError) throw new Fault('BadRequest', `the YAML is nested deeper than ${maxDepth} levels`)
    throw error
  }
}

/** Tags of YAML 1.1 that Kubernetes' reader does not know. */
const notOurs = (tag: { readonly tag: string; readonly format?: string }): boolean =>
  ['timestamp', 'omap', 'pairs', 'set', 'binary'].some(word => tag.tag === `tag:yaml.org,2002:${word}`) ||
  tag.format === 'TIME'

const readDocument = (document: Document, text: string): YamlDocument => {
  const [error] = document.errors
  if (error !== undefined) {
    throw new Fault('BadRequest', `error parsing YAML: line ${lineAt(error.pos[0], text)}: ${error.message}`)
  }
  const duplicates: string[] = []
  inspect(document.contents, text, duplicates, 0)
  try {
    return { value: plain(document.toJS({ maxAliasCount })), duplicates }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('BadRequest', `error parsing YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Finds keys that stand twice, keys that are no texts, and depth without end. */
const inspect = (node: unknown, text: string, duplicates: string[], depth: number): void => {
  if (depth > maxDepth) throw new Fault('BadRequest', `the YAML is nested deeper than ${maxDepth} levels`)
  if (!isNode(node) || isAlias(node) || isScalar(node)) return
  if (!isMap(node)) {
    for (const item of node.items) inspect(item, text, duplicates, depth + 1)
    return
  }
  const seen = new Set<string>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : undefined
    if (name === undefined)
      throw new Fault('BadRequest', `error parsing YAML: a key at line ${lineOf(key, text)} is not a text`)
    if (name === '__proto__') throw new Fault('BadRequest', 'a member may not be named "__proto__"')
    if (seen.has(name) && name !== '<<' && duplicates.length < maxDuplicates)
      duplicates.push(`key "${name}" at line ${lineOf(key, text)}`)
    seen.add(name)
    inspect(value, text, duplicates, depth + 1)
  }
}

const lineOf = (node: unknown, text: string): number => lineAt((isNode(node) ? node.range?.[0] : undefined) ?? 0, text)

const lineAt = (position: number, text: string): number => text.slice(0, position).split('\n').length

/** Maps with keys that were numbers or booleans become maps by text; BigInts become numbers. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [String(key), plain(member)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}
