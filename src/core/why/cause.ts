/** One thing that is not well, why, and what mends it: the answer of `dunlin why`, outermost first. */
export interface Cause {
  readonly says: string
  readonly because: readonly Cause[]
  /** What a person can do about it. */
  readonly mend?: string
}

/** Whether an object is well, and if not, the chain of causes. */
export interface Explanation {
  readonly isWell: boolean
  readonly says: string
  readonly causes: readonly Cause[]
}

export const cause = (says: string, because: readonly Cause[] = [], mend?: string): Cause => ({
  says,
  because,
  ...(mend === undefined ? {} : { mend }),
})

/**
 * The explanation as indented lines.
 *
 * @example formatExplanation({ isWell: true, says: 'pod web-1 is well', causes: [] }) // 'pod web-1 is well\n'
 */
export const formatExplanation = (explanation: Explanation): string => {
  const lines = (causes: readonly Cause[], depth: number): readonly string[] =>
    causes.flatMap(one => [
      `${'  '.repeat(depth)}because ${one.says}`,
      ...(one.mend === undefined ? [] : [`${'  '.repeat(depth)}  to mend it: ${one.mend}`]),
      ...lines(one.because, depth + 1),
    ])
  return `${[explanation.says, ...lines(explanation.causes, 1)].join('\n')}\n`
}
