/** How far something is, for people: `writing  41 %, 23.1 MB/s, 1:12 left`. Times in ms. */
export const progressText = (of: {
  readonly what: string
  readonly done: number
  readonly total: number
  readonly ms: number
}): string => {
  const { what, done, total, ms } = of
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total)
  if (done === 0 || ms <= 0) return `${what} ${percent} %`
  const rate = (done / ms) * 1000
  const seconds = Math.ceil((total - done) / rate)
  return `${what} ${percent} %, ${(rate / 1e6).toFixed(1)} MB/s, ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`
}
