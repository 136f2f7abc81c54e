import { join } from 'node:path'
import { describeError } from '../../api/fault.ts'
import { eraseDurably, readIfThere } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { inState, onCard } from './places.ts'
import { joinLine, type StatusLine } from './status.ts'
import { forgetToken, type RestOfFirstBoot, writeStatus } from './take-over.ts'

/** Tells the person with the card how joining goes, and ends the first boot when the device has joined. */
export interface FirstBoot {
  /** The attempt failed; it is repeated or not. */
  failed(error: unknown): Promise<void>
  /** The device is a node. `isNew` is false where it was one before and the token of the card was not taken. */
  joined(of: { readonly node: string; readonly isNew: boolean }): Promise<void>
}

/**
 * What is left of a first boot; undefined where nothing is.
 *
 * @example const firstBoot = await followJoin({ stateFolder, ownAddresses, show, log })
 */
export const followJoin = async (of: {
  readonly stateFolder: string
  readonly ownAddresses: () => Promise<readonly string[]>
  /** Puts a line where somebody may look: the console. */
  readonly show: (line: string) => Promise<void>
  readonly log: Log
}): Promise<FirstBoot | undefined> => {
  const rest = parseRest(await readIfThere(inState(of.stateFolder).rest), of.log)
  if (rest === undefined) return undefined
  let shown = ''
  const tell = async (lines: readonly StatusLine[]): Promise<void> => {
    await writeStatus(rest.boot, [...rest.lines, ...lines], of.log)
    const line = lines.map(one => `dunlin: [${one.verdict}] ${one.what}: ${one.says}\n`).join('')
    if (line !== shown) await of.show(line)
    shown = line
  }
  return {
    failed: async error => await tell([joinLine(error, await of.ownAddresses())]),
    async joined({ node, isNew }) {
      if (!isNew) {
        const says = `the token on the card was not taken, and this device stays the node ${node}; the agent's log says why (journalctl -u dunlin-agent)`
        await tell([{ verdict: 'wrong', what: 'join', says }])
        return
      }
      const files = [onCard(rest.boot).join, ...rest.secretFiles.map(path => join(rest.boot, path))]
      const kept: string[] = []
      for (const path of files) {
        try {
          await eraseDurably(path)
        } catch (error) {
          of.log.warn('a secret on the card cannot be erased', { path, why: describeError(error) })
          kept.push(`${path} (${describeError(error)})`)
        }
      }
      await tell([
        { verdict: 'ok', what: 'join', says: `this device is the node ${node}` },
        kept.length === 0
          ? { verdict: 'ok', what: 'secrets', says: 'token and passphrases are gone from this card' }
          : { verdict: 'wrong', what: 'secrets', says: `still on this card, delete by hand: ${kept.join(', ')}` },
      ])
      // What is left to do is tried again at the next start.
      if (kept.length === 0) await forgetToken(of.stateFolder)
    },
  }
}

const parseRest = (bytes: Buffer | undefined, log: Log): RestOfFirstBoot | undefined => {
  if (bytes === undefined) return undefined
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'))
    if (isRest(json)) return json
  } catch (error) {
    log.warn('what was left of the first boot cannot be read', { why: describeError(error) })
  }
  return undefined
}

const isRest = (json: unknown): json is RestOfFirstBoot => {
  const rest = Object(json)
  const isTexts = (value: unknown) => Array.isArray(value) && value.every(one => typeof one === 'string')
  return rest.format === 1 && typeof rest.boot === 'string' && isTexts(rest.secretFiles) && Array.isArray(rest.lines)
}
