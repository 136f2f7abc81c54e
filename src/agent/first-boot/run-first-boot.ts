import { Fault } from '../../api/fault.ts'
import { jsonLog } from '../../lib/log.ts'
import { optionalSetting, readSettings, textSetting } from '../../lib/settings.ts'
import { bootFolders } from './places.ts'
import { takeOver } from './take-over.ts'

const settings = {
  stateFolder: textSetting({
    name: 'state',
    about: 'The agent’s state folder.',
    expected: 'a path',
    fallback: '/var/lib/dunlin/agent',
  }),
  boot: optionalSetting({
    name: 'boot',
    about: 'Where the boot partition is mounted. Without it: /boot/firmware, /boot/efi or /boot.',
    expected: 'a path',
  }),
}

/**
 * `dunlin agent first-boot`: what the unit dunlin-first-boot.service runs before the agent. A card with nothing to say,
 * and one with something wrong, end well: the agent starts all the same.
 *
 * @throws Fault BadRequest (its words)
 */
export const runFirstBoot = async (of: {
  readonly argv: readonly string[]
  readonly now: () => number
  readonly write: (line: string) => void
}): Promise<void> => {
  const { values, problems } = readSettings(settings, { argv: of.argv, env: {} })
  if (problems.length > 0) throw new Fault('BadRequest', problems.join('\n'), { problems })
  const log = jsonLog({ write: of.write, level: 'info', now: of.now, facts: { part: 'first-boot' } })
  const boots = values.boot === undefined ? bootFolders : [values.boot]
  for (const { verdict, what, says } of (await takeOver({ boots, stateFolder: values.stateFolder, log })) ?? [])
    of.write(`dunlin: [${verdict}] ${what}: ${says}\n`)
}
