import type { Finding } from './finding.ts'
import type { HubFacts } from './hub-facts.ts'

const newToken = 'on the hub: dunlin join-token create'
/** A clock that differs by more is wrong, whichever of the two it is. */
const mostApartMs = 5 * 60_000

/**
 * Judges what the hub says of this device.
 *
 * @param now this machine's clock, ms
 * @example judgeHub({ by: 'nothing' }, Date.now())
 */
export const judgeHub = (hub: HubFacts, now: number): readonly Finding[] => {
  switch (hub.by) {
    case 'nothing':
      return [
        {
          verdict: 'warning',
          what: 'hub',
          found: 'this device has not joined a hub, and has no token',
          mend: `${newToken}; then here: dunlin agent --join-token TOKEN`,
        },
      ]
    case 'unread':
      return [{ verdict: 'warning', what: 'hub', found: `not asked: ${hub.why}`, mend: 'run it with sudo' }]
    case 'mistyped':
      return [{ verdict: 'wrong', what: 'join token', found: hub.why, mend: 'copy the whole word once more' }]
    case 'token':
    case 'membership':
      return answered(hub, now)
  }
}

const answered = (hub: Extract<HubFacts, { readonly by: 'token' | 'membership' }>, now: number): readonly Finding[] => {
  const { answer, addresses, by } = hub
  const [first = ''] = addresses
  switch (answer.says) {
    case 'nothing':
      return [
        {
          verdict: 'wrong',
          what: 'hub',
          found: `no answer at ${addresses.join(', ')}: ${answer.why}`,
          mend: `see that the hub runs and lets this device reach it: curl -k https://${first}/livez`,
        },
      ]
    case 'another':
      return [
        {
          verdict: 'wrong',
          what: 'hub',
          found: `another hub answers at ${addresses.join(', ')}, or somebody in between: ${answer.why}`,
          mend: `if it is the right one, it has other keys now; ${newToken}; then here: ${again(by)}`,
        },
      ]
    case 'refused':
      return [
        {
          verdict: 'wrong',
          what: by === 'token' ? 'join token' : 'membership',
          found: answer.why,
          mend: `${newToken}; then here: ${again(by)}`,
        },
      ]
    case 'welcome':
      return [
        {
          verdict: 'ok',
          what: 'hub',
          found:
            by === 'membership'
              ? `answers at ${first}, and knows this device as node "${answer.node ?? ''}"`
              : `answers at ${first}, and will take the token until ${answer.expires ?? ''}`,
        },
        ...apart(answer.hubTimeMs, now),
      ]
  }
}

const again = (by: 'token' | 'membership'): string =>
  by === 'membership' ? 'dunlin node reset --join-token TOKEN' : 'dunlin agent --join-token TOKEN'

const apart = (hubTimeMs: number, now: number): readonly Finding[] =>
  Number.isNaN(hubTimeMs) || Math.abs(hubTimeMs - now) <= mostApartMs
    ? []
    : [
        {
          verdict: 'warning',
          what: 'clock',
          found: `here it is ${new Date(now).toISOString()}, at the hub ${new Date(hubTimeMs).toISOString()}`,
          mend: 'timedatectl set-ntp true; pods run meanwhile, and the agent connects with a wrong clock too',
        },
      ]
