import type { KubeClient } from '../../src/cli/kube-client.ts'
import { listAt, textAt } from '../../src/cli/shown.ts'
import { formatTable } from '../../src/cli/table.ts'

const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

const rows = (table: unknown, columns: readonly string[]): readonly (readonly string[])[] => {
  const names = listAt(table, 'columnDefinitions').map(column => (textAt(column, 'name') ?? '').toUpperCase())
  return listAt(table, 'rows').map(row => columns.map(column => textAt(row, 'cells', names.indexOf(column)) ?? ''))
}

/** Nodes and pods of the fleet, as text. */
export const viewOf = async (kube: KubeClient, signal: AbortSignal): Promise<string> => {
  const [nodes, pods] = await Promise.all([
    kube.request('GET', '/api/v1/nodes', { accept: tableAccept, signal }),
    kube.request('GET', '/api/v1/pods', { accept: tableAccept, signal }),
  ])
  const nodeColumns = ['NAME', 'STATUS', 'AGE', 'VERSION']
  const podColumns = ['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'IP', 'NODE']
  return `${formatTable([['NODE', ...nodeColumns.slice(1)], ...rows(nodes, nodeColumns)])}\n${formatTable([['POD', ...podColumns.slice(1)], ...rows(pods, podColumns)])}`
}

/**
 * Shows the view until `signal` aborts: on a terminal in place, each second; elsewhere only when it changes in more than ages.
 */
export const showLive = async (
  kube: KubeClient,
  signal: AbortSignal,
  wait: (ms: number) => Promise<void>,
): Promise<void> => {
  const isTerminal = process.stdout.isTTY === true
  let drawn = 0
  let shown = ''
  while (!signal.aborted) {
    try {
      const text = await viewOf(kube, signal)
      if (isTerminal) {
        process.stdout.write(`${drawn > 0 ? `\u001b[${drawn}A\u001b[J` : ''}${text}`)
        drawn = text.split('\n').length - 1
      } else {
        const stable = text.replaceAll(/\b\d+[smhd](\d+[smhd])?\b/g, '')
        if (stable !== shown) process.stdout.write(text)
        shown = stable
      }
    } catch (error) {
      if (!signal.aborted) process.stderr.write(`dunlin: the hub did not answer: ${String(error)}\n`)
    }
    await wait(1000)
  }
}
