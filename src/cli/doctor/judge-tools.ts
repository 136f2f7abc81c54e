import type { MachineFacts } from './facts.ts'
import type { Finding } from './finding.ts'

interface Need {
  readonly packageName: string
  /** The oldest that works. */
  readonly least?: readonly [number, number]
}

/** The programs that an agent's machine needs. */
export const needs: { readonly [tool: string]: Need } = {
  podman: { packageName: 'podman', least: [4, 3] },
  conmon: { packageName: 'conmon', least: [2, 1] },
  nft: { packageName: 'nftables', least: [1, 0] },
  ip: { packageName: 'iproute2' },
  conntrack: { packageName: 'conntrack' },
}

export const judgeTools = (facts: MachineFacts): readonly Finding[] =>
  Object.entries(needs).map(([tool, need]) => judgeTool(facts.tools[tool], tool, need))

const judgeTool = (answer: string | undefined, tool: string, { packageName, least }: Need): Finding => {
  if (answer === undefined)
    return {
      verdict: 'wrong',
      what: tool,
      found: 'not installed, or it does not start',
      mend: `apt-get install ${packageName}`,
    }
  const version = versionIn(answer)
  if (least === undefined || version === undefined || !isBelow(version, least))
    return { verdict: 'ok', what: tool, found: answer }
  return {
    verdict: 'wrong',
    what: tool,
    found: `${answer}; it takes ${least.join('.')} or later`,
    mend: 'upgrade the system to Debian 12 or Raspberry Pi OS bookworm, or later',
  }
}

/** The first number with a dot in what a program says of itself. */
export const versionIn = (text: string): readonly [number, number] | undefined => {
  const [, major, minor] = /(\d{1,4})\.(\d{1,4})/.exec(text) ?? []
  return major === undefined ? undefined : [Number(major), Number(minor)]
}

const isBelow = (version: readonly [number, number], least: readonly [number, number]): boolean =>
  version[0] < least[0] || (version[0] === least[0] && version[1] < least[1])
