import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One thing that is measured: it does the work once and resolves to its figure. */
export interface Candidate {
  readonly name: string
  run(round: number): Promise<number>
}

export interface Figures {
  readonly name: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly values: readonly number[]
}

/** The middle value; of an even number the lower one of the two. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN

const figures = (name: string, values: readonly number[]): Figures => ({
  name,
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  values,
})

/**
 * Runs the candidates in turn, round by round, so that whatever else the machine does meets them alike. The ratio is the
 * median of the rounds' own ratios to the first candidate, the baseline. One round before the first is not counted.
 */
export const compare = async (
  candidates: readonly Candidate[],
  rounds: number,
): Promise<readonly (Figures & { readonly ratio: number })[]> => {
  const values = candidates.map(() => [] as number[])
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, candidate] of candidates.entries()) {
      const value = await candidate.run(round)
      if (round >= 0) values[index]?.push(value)
    }
  }
  const baseline = values[0] ?? []
  return candidates.map((candidate, index) => {
    const own = values[index] ?? []
    return {
      ...figures(candidate.name, own),
      ratio: median(own.map((value, round) => value / (baseline[round] ?? Number.NaN))),
    }
  })
}

const tidy = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** Prints the table and keeps the raw figures under bench/results/. */
export const report = (
  bench: string,
  unit: string,
  rows: readonly (Figures & { readonly ratio?: number })[],
  about: object = {},
): void => {
  process.stdout.write(`\n${bench} (${unit})\n`)
  for (const row of rows) {
    const ratio = row.ratio === undefined ? '' : `  ${row.ratio.toFixed(2)}x`
    process.stdout.write(
      `  ${row.name.padEnd(44)} ${tidy(row.median).padStart(9)} (${tidy(row.min)} .. ${tidy(row.max)})${ratio}\n`,
    )
  }
  const folder = fileURLToPath(new URL('./results/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
  }
  writeFileSync(
    `${folder}${bench.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}.json`,
    `${JSON.stringify({ bench, unit, date: new Date().toISOString(), command: process.argv.slice(1).map(word => word.replace(/^.*\/(?=bench\/)/, '')), machine, about, rows }, null, 2)}\n`,
  )
}
