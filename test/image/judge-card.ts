import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { describeError } from '../../src/api/fault.ts'
import { at, listAt } from '../../src/cli/shown.ts'
import { checkExt4, extractPart, readFat, readFiles, readFolder } from './cut-card.ts'

/** What a card holds after its power was cut, as the agent would find it. */
export interface CardState {
  /** What is wrong with it; empty is what must be. */
  readonly findings: readonly string[]
  /** Whether the device has joined. */
  readonly hasJoined: boolean
  /** Of the pods that it is to run: where this stands in the hub's order, and how many pods. Absent: none yet. */
  readonly assignment?: { readonly revision: number; readonly pods: number }
}

const idle = { findings: [], hasJoined: false }

/**
 * Checks both file systems as the next boot would, then the agent's files with the agent's own readers.
 *
 * @param token what the card was given; as long as the device has not joined, it must still be there
 */
export const judgeCard = async (of: {
  readonly card: string
  readonly work: string
  readonly token: string
  readonly dataBytes: number
}): Promise<CardState> => {
  const { card, work } = of
  const findings: string[] = []
  mkdirSync(work, { recursive: true })
  const root = join(work, 'root.part')
  extractPart(card, 'root', root)
  const wrongRoot = checkExt4(root)
  if (wrongRoot !== undefined) findings.push(`the root's file system: ${wrongRoot}`)
  const defaults = join(work, 'default')
  readFolder(root, '/etc/default', defaults)
  rmSync(root)
  const settings = join(defaults, 'default/dunlin-agent')
  const hasToken =
    (existsSync(settings) && readFileSync(settings, 'utf8').includes(of.token)) || hasTokenOnFat(card, of.token)

  const data = join(work, 'data.part')
  // The file system may not have grown yet, or be half way: its own superblock says how long it is.
  extractPart(card, 'data', data, of.dataBytes)
  const wrongData = checkExt4(data)
  if (wrongData !== undefined) findings.push(`the data's file system: ${wrongData}`)
  const state = join(work, 'state')
  readFolder(data, '/agent/identity', state)
  readFiles(data, '/agent', state)
  rmSync(data)
  try {
    const found = await judgeAgent(state, hasToken)
    return { ...found, findings: [...findings, ...found.findings] }
  } catch (error) {
    return { ...idle, findings: [...findings, `the agent's folder: ${describeError(error)}`] }
  }
}

const hasTokenOnFat = (card: string, token: string): boolean =>
  readFat(card, 'dunlin/join.json')?.includes(token) ?? false

/** Files of the agent's own form, whose first line is a checksum. */
const sealed = /^(assignment|neighbourhood)(-order)?\.json$/

const judgeAgent = async (state: string, hasToken: boolean): Promise<CardState> => {
  const findings: string[] = []
  // Throws where a key or the membership is torn.
  const hasJoined =
    existsSync(join(state, 'identity')) && (await openIdentity({ stateFolder: state })).membership !== undefined
  if (!hasJoined && !hasToken) findings.push('the device has not joined, and its token is gone')
  const names = existsSync(state) ? readdirSync(state) : []
  for (const name of names) {
    if (name.endsWith('.corrupt')) findings.push(`the agent has found a torn file: ${name}`)
    const torn = sealed.test(name) ? checksumTrouble(readFileSync(join(state, name))) : undefined
    if (torn !== undefined) findings.push(`${name}: ${torn}`)
  }
  if (!names.includes('assignment.json') || findings.length > 0) return { findings, hasJoined }
  const text = readFileSync(join(state, 'assignment.json'), 'utf8')
  const stored: unknown = JSON.parse(text.slice(text.indexOf('\n') + 1))
  const revision = Number(at(stored, 'held', 'tuple', 'revision'))
  return { findings, hasJoined, assignment: { revision, pods: listAt(stored, 'document', 'pods').length } }
}

/** The first line of such a file names the checksum of the rest. */
const checksumTrouble = (bytes: Buffer): string | undefined => {
  const end = bytes.indexOf('\n')
  const wanted = createHash('sha256')
    .update(bytes.subarray(end + 1))
    .digest('hex')
  return bytes.subarray(0, Math.max(0, end)).toString('latin1') === `dunlin 1 ${wanted}`
    ? undefined
    : 'its checksum does not hold'
}
