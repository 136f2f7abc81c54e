import { Fault } from '../api/fault.ts'
import { nodeOfWord } from './node-paths.ts'

/** One end of a copy. */
export type CopyPlace =
  | { readonly at: 'here'; readonly path: string }
  | { readonly at: 'pod'; readonly namespace?: string; readonly pod: string; readonly path: string }
  | { readonly at: 'node'; readonly node: string; readonly path: string }

/**
 * Reads `PATH`, `POD:PATH`, `NAMESPACE/POD:PATH` and `node/NAME:PATH`. What stands before the first colon decides; a path
 * of this machine with a colon is written with `./` or `/` before it. A namespace that is called "node" is named by -n.
 *
 * @throws Fault BadRequest
 * @example copyPlace('node/barn:/var/log') // { at: 'node', node: 'barn', path: '/var/log' }
 */
export const copyPlace = (word: string): CopyPlace => {
  const colon = word.indexOf(':')
  if (colon < 0 || /^\.{0,2}\//.test(word)) return { at: 'here', path: word }
  const [where, path] = [word.slice(0, colon), word.slice(colon + 1)]
  if (where === '' || path === '')
    throw new Fault('BadRequest', `"${word}" is none of PATH, POD:PATH, NAMESPACE/POD:PATH and node/NAME:PATH`)
  const node = nodeOfWord(where)
  if (node !== undefined) {
    if (!path.startsWith('/'))
      throw new Fault('BadRequest', `"${word}": a path of a device begins with a slash, e.g. node/${node}:/var/log`)
    return { at: 'node', node, path }
  }
  const parts = where.split('/')
  const [first = '', second, ...more] = parts
  if (more.length > 0 || parts.includes(''))
    throw new Fault('BadRequest', `"${word}" is none of PATH, POD:PATH, NAMESPACE/POD:PATH and node/NAME:PATH`)
  return second === undefined ? { at: 'pod', pod: first, path } : { at: 'pod', namespace: first, pod: second, path }
}
