import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { promisify } from 'node:util'
import { Fault } from '../../api/fault.ts'
import { systemClock } from '../../lib/clock.ts'
import { readIfThere } from '../../lib/durable-file.ts'
import { parseEnrolment } from '../../wire/enrolment.ts'
import { parseJoinToken } from '../../wire/join-token.ts'
import type { Invocation } from '../command.ts'
import { type ResetMachine, resetDevice, settingsIn } from './reset-device.ts'

const settingsFile = '/etc/default/dunlin-agent'
const unit = 'dunlin-agent.service'
const run = promisify(execFile)

/**
 * `dunlin node reset`, on the device itself.
 *
 * @throws Fault Malformed (token) and BadRequest (not confirmed) before anything is touched; Machine
 */
export const resetThisDevice = async (of: Invocation): Promise<number> => {
  const token = of.text('join-token')
  if (token !== undefined) parseJoinToken(token)
  if (process.getuid?.() !== 0) throw new Fault('Machine', 'a device is reset by root: run it with sudo')
  const settings = settingsIn((await readIfThere(settingsFile))?.toString('utf8') ?? '')
  const { readAgentConfig } = await import('../../agent/config.ts')
  const { parseYaml } = await import('../../api/yaml.ts')
  const state = of.text('state')
  const config = readAgentConfig({
    argv: state === undefined ? [] : ['--state', state],
    env: { ...settings, ...of.env },
    readFile: path => readFileSync(path, 'utf8'),
    parseYaml: text => parseYaml(text)[0]?.value,
  })
  const name = nameIn(await readIfThere(`${config.stateFolder}/identity/membership.json`))
  await confirm(of, name)
  const systemctl = async (...words: readonly string[]): Promise<void> => {
    await run('systemctl', [...words, unit])
  }
  const isUnit =
    existsSync('/run/systemd/system') &&
    (await systemctl('cat').then(
      () => true,
      () => false,
    ))
  const machine: ResetMachine = {
    stopAgent: async () => {
      if (isUnit) await systemctl('stop')
    },
    takeDown: async () => {
      const { takeDownAgent } = await import('../../agent/main.ts')
      await takeDownAgent(config, { clock: systemClock, random: Math.random, log: of.log })
    },
    startAgent: async () => {
      if (isUnit) await systemctl('start')
    },
  }
  const gone = await resetDevice(machine, {
    stateFolder: config.stateFolder,
    settingsFile: isUnit ? settingsFile : undefined,
    token,
  })
  of.out.write(`this device was reset: ${gone.length === 0 ? 'it had no state' : `deleted ${gone.join(', ')}`}\n`)
  if (token !== undefined && !isUnit) of.out.note('It joins with: dunlin agent --join-token TOKEN')
  if (token === undefined) of.out.note('It joins again with: dunlin node reset --join-token TOKEN')
  return 0
}

/** The name that the device goes by, or that it has none. */
const nameIn = (membership: Buffer | undefined): string | undefined => {
  try {
    return membership === undefined ? undefined : parseEnrolment(membership).node.name
  } catch {
    // What cannot be read is one reason to reset.
    return undefined
  }
}

/** @throws Fault BadRequest unless somebody says that it is meant */
const confirm = async (of: Invocation, name: string | undefined): Promise<void> => {
  if (of.isSet('yes')) return
  const word = name ?? 'reset'
  const what = `the keys of ${name === undefined ? 'this device' : `node "${name}"`}, its pods and their volumes on this device`
  if (!process.stdin.isTTY) throw new Fault('BadRequest', `this deletes ${what}: say --yes if that is meant`)
  const asked = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await asked.question(`This deletes ${what}. Type ${word} to go on: `, { signal: of.signal })
    if (answer.trim() !== word)
      throw new Fault('BadRequest', `found "${answer.trim().slice(0, 80)}", expected "${word}": nothing was deleted`)
  } finally {
    asked.close()
  }
}
