/**
 * Whom bounds by address hold: an IPv4 address, or the /64 of an IPv6 address, of which one party has all.
 *
 * @example addressGroup('2001:db8:1:2::7') // '2001:db8:1:2'
 * @example addressGroup('::ffff:192.0.2.1') // '192.0.2.1'
 */
export const addressGroup = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [head = '', tail] = address.toLowerCase().split('%', 1).join('').split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length)
  return [...first, ...new Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')
}
