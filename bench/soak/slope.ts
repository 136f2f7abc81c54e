/** A straight line through measured points. */
export interface Line {
  readonly mean: number
  /** Of y for one unit of x. */
  readonly slope: number
  /** The slope's standard error: a slope of less than two of these is no slope. */
  readonly error: number
}

/**
 * Least squares through points [x, y].
 *
 * @example slope([[0, 1], [1, 3], [2, 5]]) // { mean: 3, slope: 2, error: 0 }
 */
export const slope = (points: readonly (readonly [number, number])[]): Line => {
  const count = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const mean = points.reduce((sum, [, y]) => sum + y, 0) / count
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  if (count < 3 || spread === 0) return { mean, slope: 0, error: Number.POSITIVE_INFINITY }
  const rise = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - mean), 0) / spread
  const rest = points.reduce((sum, [x, y]) => sum + (y - mean - rise * (x - meanX)) ** 2, 0)
  return { mean, slope: rise, error: Math.sqrt(rest / (count - 2) / spread) }
}
