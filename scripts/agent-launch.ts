/**
 * How Node runs the agent on a device: a heap that stays small. Every part of Dunlin that starts the bundled agent takes
 * it from here.
 */
export const agentFlags: readonly string[] = [
  // A megabyte of new objects, and then a look which of them are still used; an idle agent makes a few kilobytes a second.
  '--max-semi-space-size=1',
  '--max-old-space-size=96',
  '--optimize-for-size',
  // No compiled code: an agent waits, and compilers are ten megabytes of pages and code that only grow with the days.
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--v8-pool-size=1',
]

/** Those that Debian's Node knows, 18 and 20: on armhf, where no other is kept up. It has no such compiler. */
export const olderNodeFlags: readonly string[] = agentFlags.filter(flag => flag !== '--no-maglev')

export const agentEnvironment: { readonly [name: string]: string } = {
  // glibc: one heap for all threads, in place of one each that is given back never.
  MALLOC_ARENA_MAX: '1',
  // Files and names are waited for by two threads, in place of four.
  UV_THREADPOOL_SIZE: '2',
  // What is free at the heap's end goes back to the kernel.
  MALLOC_TRIM_THRESHOLD_: '65536',
}

/** A program for sh that starts the bundle beside it. */
export const agentLauncher = (flags: readonly string[]): string => `#!/bin/sh
# Starts the agent under $DUNLIN_NODE, or the Node that is found.
here=$(dirname "$(readlink -f "$0")")
export ${Object.entries(agentEnvironment)
  .map(([name, value]) => `${name}=${value}`)
  .join(' ')}
exec "\${DUNLIN_NODE:-node}" ${flags.join(' ')} "$here/dunlin-agent.js" "$@"
`
