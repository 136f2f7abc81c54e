import type { LivedRoot } from './lived-root.ts'

/** What a package manager changes itself, and logs. */
const notOurs = /^\/(proc|run|dev|sys|tmp|root|var\/(lib\/dpkg|cache|log)|usr\/local\/bin\/systemctl|etc\/.*-$)/

/** All files and folders of the root. */
export const filesOf = (root: LivedRoot): ReadonlySet<string> =>
  new Set(
    root
      .run(['find', '/', '-xdev'])
      .text.split('\n')
      .filter(path => path !== '' && !notOurs.test(path)),
  )

/** What came and what went, a line each; empty when they are the same. */
export const compareFiles = (before: ReadonlySet<string>, after: ReadonlySet<string>): string =>
  [
    ...[...after].filter(path => !before.has(path)).map(path => `left: ${path}`),
    ...[...before].filter(path => !after.has(path)).map(path => `gone: ${path}`),
  ].join('\n')

/** Puts a systemctl in place that notes what it is asked; begins with an empty list. */
export const recordSystemctl = (root: LivedRoot): void => {
  root.run([
    'sh',
    '-c',
    'mkdir -p /run/systemd/system && printf \'#!/bin/sh\\necho "$*" >> /run/systemctl-calls\\n\' > /usr/local/bin/systemctl && chmod 755 /usr/local/bin/systemctl && : > /run/systemctl-calls',
  ])
}

export const systemctlCalls = (root: LivedRoot): string => root.run(['cat', '/run/systemctl-calls']).text
