import type { MachineFacts } from './facts.ts'
import type { Finding } from './finding.ts'
import { judgeBoard } from './judge-board.ts'
import { judgeMemoryLimits, judgeSystem } from './judge-system.ts'
import { judgeTools } from './judge-tools.ts'

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`
/** The oldest moment that a right clock can show: this code was written after it. */
const epoch = Date.UTC(2026, 0, 1)

/**
 * Judges a machine that is to run an agent. Pure: the facts are values.
 *
 * @example judgeMachine(facts).filter(one => one.verdict === 'wrong')
 */
export const judgeMachine = (facts: MachineFacts): readonly Finding[] => [
  judgeSystem(facts),
  facts.isRoot
    ? { verdict: 'ok', what: 'rights', found: 'root' }
    : {
        verdict: 'wrong',
        what: 'rights',
        found: 'an ordinary user',
        mend: 'run it with sudo: the agent makes namespaces, addresses and rules',
      },
  ...judgeTools(facts),
  judgeMemoryLimits(facts),
  facts.nftWorks === false
    ? {
        verdict: 'warning',
        what: 'nftables',
        found: 'nft cannot read the kernel’s tables',
        mend: 'load the module: modprobe nf_tables; without it Services run through a slower proxy',
      }
    : { verdict: 'ok', what: 'nftables', found: facts.nftWorks === true ? 'works' : 'not tried' },
  facts.hasBridge === true
    ? { verdict: 'ok', what: 'bridge', found: 'in the kernel' }
    : { verdict: 'warning', what: 'bridge', found: 'no bridge module found', mend: 'modprobe bridge' },
  clock(facts),
  memory(facts),
  disk(facts),
  ...judgeBoard(facts),
]

const clock = (facts: MachineFacts): Finding =>
  facts.now < epoch
    ? {
        verdict: 'warning',
        what: 'clock',
        found: new Date(facts.now).toISOString(),
        mend: 'timedatectl set-ntp true; pods run meanwhile, and the agent connects with a wrong clock too',
      }
    : { verdict: 'ok', what: 'clock', found: new Date(facts.now).toISOString() }

const memory = (facts: MachineFacts): Finding =>
  facts.memoryBytes < 400 * 1024 ** 2
    ? {
        verdict: 'warning',
        what: 'memory',
        found: gib(facts.memoryBytes),
        mend: 'the agent and the engine need about 150 MB; keep pods small',
      }
    : { verdict: 'ok', what: 'memory', found: gib(facts.memoryBytes) }

const disk = (facts: MachineFacts): Finding => {
  if (facts.diskFreeBytes === undefined)
    return {
      verdict: 'warning',
      what: 'disk',
      found: 'could not be looked at',
      mend: 'make the state folder and run this again',
    }
  if (facts.diskFreeBytes < 512 * 1024 ** 2)
    return {
      verdict: 'wrong',
      what: 'disk',
      found: `${gib(facts.diskFreeBytes)} free`,
      mend: 'podman image prune --all, or a larger card: images need half a gigabyte at least',
    }
  return { verdict: 'ok', what: 'disk', found: `${gib(facts.diskFreeBytes)} free` }
}
