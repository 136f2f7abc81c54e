import type { MachineFacts } from './facts.ts'
import type { Finding } from './finding.ts'

const wrongSystem = 'an agent runs on Linux on arm64, armv7 or amd64'

/** Judges kernel and programs: what runs here at all. */
export const judgeSystem = (facts: MachineFacts): Finding => {
  const what = 'system'
  if (facts.platform !== 'linux' || !['arm64', 'arm', 'x64'].includes(facts.arch))
    return { verdict: 'wrong', what, found: `${facts.platform} on ${facts.arch}`, mend: wrongSystem }
  if (/^armv[1-6]/.test(facts.machine))
    return {
      verdict: 'wrong',
      what,
      found: `${facts.machine}: the first Raspberry Pi and the first Zero`,
      mend: `${wrongSystem}: use a Raspberry Pi 2 or later, or a Zero 2 W`,
    }
  if (facts.arch === 'arm' && /^(aarch64|arm64|armv8)/.test(facts.machine))
    return {
      verdict: 'warning',
      what,
      found: `programs of 32 bits on a kernel of 64 (${facts.machine}): pods need images for arm, not arm64`,
      mend: 'flash a system of 64 bits: dunlin node replace NODE gives the token that keeps its name',
    }
  return { verdict: 'ok', what, found: `Linux ${facts.kernel} on ${facts.arch}, Node ${facts.nodeVersion}` }
}

/** Where Raspberry Pi OS keeps the kernel's words: since bookworm, and before. */
export const cmdlinePlaces = ['/boot/firmware/cmdline.txt', '/boot/cmdline.txt'] as const

/** Judges whether memory limits of containers are enforced. */
export const judgeMemoryLimits = (facts: MachineFacts): Finding => {
  const what = 'memory limits'
  if (facts.hasMemoryCgroup)
    return { verdict: 'ok', what, found: `cgroup v${facts.cgroupVersion ?? '?'} with the memory controller` }
  const found = 'the kernel has no memory cgroup'
  if (/(^|\s)cgroup_enable=memory(\s|$)/.test(facts.kernelWords))
    return {
      verdict: 'wrong',
      what,
      found: `${found}, though it was started with cgroup_enable=memory: it is too old to know the word`,
      mend: 'apt-get update && apt-get full-upgrade, and restart',
    }
  const place = facts.cmdlinePlace
  if (place === undefined)
    return {
      verdict: 'wrong',
      what,
      found,
      mend: 'add cgroup_enable=memory to the words that the boot loader gives the kernel, and restart',
    }
  if (/(^|\s)cgroup_enable=memory(\s|$)/.test(facts.cmdlineText))
    return { verdict: 'wrong', what, found: `${found}; ${place} has the word since this start`, mend: 'reboot' }
  return {
    verdict: 'wrong',
    what,
    found,
    mend: `sed -i '1s/$/ cgroup_enable=memory/' ${place} && reboot`,
  }
}
