/**
 * The kernel's words (cmdline.txt), changed: those whose beginning is one of `drop` are left out, then `add` follows at
 * the end, each once. The file stays one line: the firmware reads no more.
 *
 * @example editCmdline('root=/dev/sda2 rootwait\n', { drop: [], add: ['cgroup_enable=memory'] })
 */
export const editCmdline = (
  text: string,
  of: { readonly drop: readonly string[]; readonly add: readonly string[] },
): string => {
  const words = text
    .split(/\s+/)
    .filter(word => word !== '' && !of.add.includes(word) && !of.drop.some(start => word.startsWith(start)))
  return `${[...words, ...of.add].join(' ')}\n`
}
