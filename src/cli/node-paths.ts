import { Fault } from '../api/fault.ts'

/**
 * The name of a node as people write it: `barn`, `node/barn`, `nodes/barn`, `no/barn`.
 *
 * @throws Fault BadRequest
 */
export const nodeName = (word: string): string => {
  const name = nodeOfWord(word) ?? word
  if (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) return name
  throw new Fault('BadRequest', `"${word}" is no name of a node`)
}

/** The name in `node/barn`; undefined for every other word. */
export const nodeOfWord = (word: string): string | undefined => /^(?:node|nodes|no)\/(.+)$/.exec(word)?.[1]

/** The API path of what a device itself offers. */
export const nodePath = (node: string, what: 'shell' | 'copy' | 'forward' | 'journal'): string =>
  `/apis/dunlin.io/v1/nodes/${encodeURIComponent(node)}/${what}`
