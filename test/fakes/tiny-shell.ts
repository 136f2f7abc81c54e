/** What a process of the fake runtime does, one act after another; at the end it exits with 0. */
export type Act =
  | { readonly action: 'say'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly action: 'wait'; readonly ms?: number }
  | { readonly action: 'exit'; readonly code: number }
  /** What SIGTERM does from now on: ends with this code, or nothing. */
  | { readonly action: 'trap'; readonly code?: number }

const forever: readonly Act[] = [{ action: 'wait' }]

/**
 * The few commands whose life the fake runtime plays: `true`, `false`, `sleep N`, `echo …`, and `sh -c` of such,
 * of `exit N`, `>&2`, `trap '' TERM` and `trap 'exit N' TERM`, parted by `;`. Whatever else runs until it is stopped.
 *
 * @example actsOf(['sh', '-c', 'echo hello; exit 3'])
 */
export const actsOf = (command: readonly string[]): readonly Act[] => {
  const [program, ...rest] = command
  if (program === undefined) return forever
  if (/(^|\/)sh$/.test(program) && rest[0] === '-c')
    return (rest[1] ?? '').split(';').flatMap(part => actOf(part.trim().split(/\s+/)))
  return actOf(command)
}

const actOf = (words: readonly string[]): readonly Act[] => {
  const [program, ...rest] = words
  if (program === undefined || program === '') return []
  if (program === 'true') return [{ action: 'exit', code: 0 }]
  if (program === 'false') return [{ action: 'exit', code: 1 }]
  if (program === 'exit') return [{ action: 'exit', code: Number(rest[0] ?? 0) }]
  if (program === 'sleep') return [{ action: 'wait', ms: Number(rest[0] ?? 0) * 1000 }]
  if (program === 'trap') {
    const code = /^trap 'exit (\d+)'/.exec(words.join(' '))?.[1]
    return [code === undefined ? { action: 'trap' } : { action: 'trap', code: Number(code) }]
  }
  if (program === 'echo') {
    const isError = rest.includes('>&2')
    const text = `${rest.filter(word => word !== '>&2').join(' ')}\n`
    return [{ action: 'say', stream: isError ? 'stderr' : 'stdout', text }]
  }
  return forever
}
