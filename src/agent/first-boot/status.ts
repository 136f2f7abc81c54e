import { describeError, type FaultReason, isFault } from '../../api/fault.ts'

/** One step of the first boot, as a person with a laptop reads it. */
export interface StatusLine {
  readonly verdict: 'ok' | 'wait' | 'wrong'
  readonly what: 'settings' | 'memory' | 'images' | 'join' | 'secrets'
  readonly says: string
}

/** status.txt. No times stand in it: a board that has just started does not know the time. */
export const statusText = (lines: readonly StatusLine[]): string =>
  `Dunlin, first boot of this device\n\n${lines.map(one => `[${one.verdict}] ${one.what}: ${one.says}\n`).join('')}${
    lines.some(one => one.verdict === 'wrong')
      ? '\nMend what is wrong in the file join.json beside this one, put the card back and start the device again.\n'
      : ''
  }`

/** Whether the kernel can limit the memory of pods. `controllers` is the text of cgroup.controllers. */
export const memoryLine = (controllers: string, cmdline: string): StatusLine => {
  const isThere = controllers.split(/\s+/).includes('memory')
  if (isThere) return { verdict: 'ok', what: 'memory', says: 'the kernel can limit the memory of pods' }
  const isAsked = cmdline.split(/\s+/).includes('cgroup_enable=memory')
  return {
    verdict: 'wait',
    what: 'memory',
    says: isAsked
      ? 'this kernel ignores cgroup_enable=memory, which its command line says: pods run without limits of memory. A newer kernel heeds it: sudo apt full-upgrade, then start again'
      : 'the kernel was started without cgroup_enable=memory: pods run without limits of memory. Add that word to the end of the one line in cmdline.txt on this card, then start again',
  }
}

/** Why the device has not joined yet, and who can change that. */
export const joinLine = (error: unknown, ownAddresses: readonly string[]): StatusLine => {
  const said = describeError(error)
  const reason = isFault(error) ? error.reason : 'Internal'
  const own = ownAddresses.length === 0 ? 'it has none: no cable, or no Wi-Fi' : ownAddresses.join(', ')
  const says = advice[reason]
  if (says !== undefined) return { verdict: 'wrong', what: 'join', says: `${said}. ${says}` }
  return {
    verdict: 'wait',
    what: 'join',
    says: `${said}. It is tried again until it works. Is the hub running, and can this network reach it? Addresses of this device: ${own}`,
  }
}

const newToken = 'Make a new one on the hub (dunlin join-token create), and put it into join.json as "token"'

/** Faults that no waiting will mend. */
const advice: { readonly [reason in FaultReason]?: string } = {
  Unauthorized: newToken,
  Distrusted: `Another hub answers at this address than the one that made the token, or it has new keys. ${newToken}`,
  Malformed: newToken,
  Forbidden: 'Give this device another name in join.json, or make a token for the name that it has',
  Invalid: 'Give this device another name or other labels in join.json',
  Conflict:
    'Give this device another name in join.json, or make a token that replaces the node: dunlin join-token create --node NAME --replace',
}
