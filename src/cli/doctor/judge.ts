import type { MachineFacts } from './facts.ts'

/** One line of `dunlin doctor`: what was found and, where it is not right, the one command or act that mends it. */
export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'wrong'
  readonly what: string
  readonly found: string
  readonly mend?: string
}

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`
const packages: Record<string, string> = {
  podman: 'podman',
  conmon: 'conmon',
  nft: 'nftables',
  ip: 'iproute2',
  conntrack: 'conntrack',
}

/** The oldest moment that a right clock can show: this code was written after it. */
const epoch = Date.UTC(2026, 0, 1)

/**
 * Judges a machine that is to run an agent. Pure: the facts are values.
 *
 * @example judgeMachine(facts).filter(one => one.verdict === 'wrong')
 */
export const judgeMachine = (facts: MachineFacts): readonly Finding[] => [
  system(facts),
  facts.isRoot
    ? { verdict: 'ok', what: 'rights', found: 'root' }
    : {
        verdict: 'wrong',
        what: 'rights',
        found: 'an ordinary user',
        mend: 'run it with sudo: the agent makes namespaces, addresses and rules',
      },
  ...Object.entries(packages).map(([tool, name]) => toolFinding(facts, tool, name)),
  facts.hasMemoryCgroup
    ? {
        verdict: 'ok',
        what: 'memory limits',
        found: `cgroup v${facts.cgroupVersion ?? '?'} with the memory controller`,
      }
    : {
        verdict: 'wrong',
        what: 'memory limits',
        found: 'the kernel has no memory cgroup',
        mend: 'append cgroup_enable=memory to the line in /boot/firmware/cmdline.txt and restart',
      },
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
  ...power(facts),
]

const system = (facts: MachineFacts): Finding => {
  const isKnown = facts.platform === 'linux' && ['arm64', 'arm', 'x64'].includes(facts.arch)
  return isKnown
    ? { verdict: 'ok', what: 'system', found: `Linux ${facts.kernel} on ${facts.arch}, Node ${facts.nodeVersion}` }
    : {
        verdict: 'wrong',
        what: 'system',
        found: `${facts.platform} on ${facts.arch}`,
        mend: 'an agent runs on Linux on arm64, armv7 or amd64',
      }
}

const toolFinding = (facts: MachineFacts, tool: string, name: string): Finding => {
  const answer = facts.tools[tool]
  if (answer === undefined)
    return {
      verdict: 'wrong',
      what: tool,
      found: 'not installed, or it does not start',
      mend: `apt-get install ${name}`,
    }
  return { verdict: 'ok', what: tool, found: answer }
}

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
      mend: 'free at least half a gigabyte for images',
    }
  return { verdict: 'ok', what: 'disk', found: `${gib(facts.diskFreeBytes)} free` }
}

/** Bits of the Raspberry Pi firmware's throttled word (firmware documentation, get_throttled). */
const power = (facts: MachineFacts): readonly Finding[] => {
  if (facts.throttled === undefined || Number.isNaN(facts.throttled)) return []
  if ((facts.throttled & 0x1) !== 0)
    return [
      {
        verdict: 'wrong',
        what: 'power',
        found: 'under-voltage now',
        mend: 'use a stronger supply and a short, thick cable',
      },
    ]
  if ((facts.throttled & 0x5_0000) !== 0)
    return [
      {
        verdict: 'warning',
        what: 'power',
        found: 'under-voltage or throttling since start',
        mend: 'use a stronger supply, and cool the board',
      },
    ]
  return [{ verdict: 'ok', what: 'power', found: 'steady' }]
}
