/**
 * Rows in columns, as kubectl aligns them: two or three blanks between, no borders.
 *
 * @example formatTable([['NAME', 'AGE'], ['web-1', '3s']]) // 'NAME    AGE\nweb-1   3s\n'
 */
export const formatTable = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  return rows
    .map(row =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3)))
        .join('')
        .trimEnd(),
    )
    .map(line => `${line}\n`)
    .join('')
}

/** Control characters in what a device or a manifest says must not reach the terminal. */
export const printable = (text: string): string =>
  text.replaceAll(/(?![\t\n])\p{Cc}/gu, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** Whole seconds, minutes, hours or days, as kubectl writes an age. */
export const ageText = (from: string | undefined, now: number): string => {
  const started = from === undefined ? Number.NaN : Date.parse(from)
  if (Number.isNaN(started)) return '<unknown>'
  const seconds = Math.max(0, Math.floor((now - started) / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 600) return `${Math.floor(seconds / 60)}m${seconds % 60 === 0 ? '' : `${seconds % 60}s`}`
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
