/** A raw line, as far as the table needs it. */
export interface ResultLine {
  readonly round: number
  readonly fault: string
  readonly seed: number
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly convergedMs?: number
  readonly requests: { readonly answered: number; readonly failed: number }
  readonly findings: readonly { readonly finding: string }[]
}

/**
 * The table of all rounds, as Markdown: where and when, then a line for each fault, then the sum. A round that was run
 * more than once counts as its last run, for something was mended in between; what the earlier ones found is told.
 *
 * @param faults the names of the table's lines in their order, with what each is
 */
export const faultsTable = (lines: readonly ResultLine[], faults: readonly (readonly [string, string])[]): string => {
  const last = new Map(lines.map(line => [`${line.seed} ${line.round}`, line] as const))
  const rounds = [...last.values()].toSorted((a, b) => a.seed - b.seed || a.round - b.round)
  const row = (name: string, of: readonly ResultLine[]): string => {
    const times = of.flatMap(one => (one.convergedMs === undefined ? [] : [one.convergedMs])).toSorted((a, b) => a - b)
    const count = (finding: string): number =>
      of.flatMap(one => one.findings).filter(one => one.finding === finding).length
    const others = of
      .flatMap(one => one.findings)
      .filter(one => !['needless restart', 'lost write', 'failed request'].includes(one.finding))
    const failed = of.reduce((sum, one) => sum + one.requests.failed, 0)
    const all = of.reduce((sum, one) => sum + one.requests.failed + one.requests.answered, 0)
    const middle = times[Math.floor((times.length - 1) / 2)]
    const cells = [
      name,
      of.length,
      seconds(middle),
      seconds(times.at(-1)),
      count('needless restart'),
      count('lost write'),
      `${failed} of ${all}`,
      others.length,
    ]
    return `| ${cells.join(' | ')} |`
  }
  return [
    ...partsOf(rounds),
    ...earlierRuns(lines.filter(line => last.get(`${line.seed} ${line.round}`) !== line)),
    '',
    '| fault | rounds | right again, s: p50 | max | needless restarts | lost writes | failed requests | other findings |',
    '|---|---|---|---|---|---|---|---|',
    ...faults.flatMap(([name, about]) => {
      const own = rounds.filter(one => one.fault === name)
      return own.length === 0 ? [] : [row(`**${name}**: ${about}`, own)]
    }),
    row('**all**', rounds),
  ].join('\n')
}

const earlierRuns = (lines: readonly ResultLine[]): readonly string[] =>
  lines.map(line => {
    const found = [...new Set(line.findings.map(one => one.finding))].join(', ') || 'nothing'
    return `- run again: seed ${line.seed}, round ${line.round} (${line.fault}), which at commit \`${line.commit}\` had found: ${found}`
  })

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : (ms / 1000).toFixed(1))

/** Which commit ran which rounds, when and where. */
const partsOf = (rounds: readonly ResultLine[]): readonly string[] => {
  const parts: { from: ResultLine; to: ResultLine }[] = []
  for (const one of rounds) {
    const part = parts.at(-1)
    if (
      part !== undefined &&
      part.to.commit === one.commit &&
      part.to.seed === one.seed &&
      part.to.round + 1 === one.round
    )
      part.to = one
    else parts.push({ from: one, to: one })
  }
  return parts.map(
    ({ from, to }) =>
      `- seed ${from.seed}, rounds ${from.round} to ${to.round}: commit \`${from.commit}\`, ${from.date.slice(0, 16).replace('T', ' ')} to ${to.date.slice(0, 16).replace('T', ' ')} UTC, ${from.machine}`,
  )
}
