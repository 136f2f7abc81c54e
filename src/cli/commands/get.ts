import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { common, kubeOptions } from '../options.ts'
import { formatValue, isWholeFormat, outputFormat } from '../output-format.ts'
import { kindOfWord, type Named, namedObjects, pathOf } from '../resources.ts'
import { at, isShown, listAt, type Shown, shown, textAt } from '../shown.ts'
import { formatTable, printable } from '../table.ts'

const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

export const get: Command = {
  name: 'get',
  summary: 'list objects, or show some of them',
  usage: 'get KIND[,KIND…] [NAME…] | get KIND/NAME…',
  examples: [
    { line: 'dunlin get pods', says: 'the pods of the current namespace' },
    { line: 'dunlin get pods -A -o wide', says: 'all pods of the fleet, with their nodes and addresses' },
    { line: 'dunlin get deploy/web -o yaml', says: 'one Deployment, whole' },
    { line: 'dunlin get pods -w', says: 'stay, and print each change' },
  ],
  options: [
    ...kubeOptions,
    common.allNamespaces,
    common.selector,
    common.output,
    { name: 'field-selector', value: 'FIELDS', help: 'only objects with these fields, e.g. spec.nodeName=barn' },
    { name: 'watch', short: 'w', help: 'stay, and print each change' },
    { name: 'no-headers', help: 'leave out the line of column names' },
    { name: 'ignore-not-found', help: 'no error when a named object is not there' },
  ],
  async run(of) {
    if (of.words.length === 0) throw new Fault('BadRequest', 'get what? For example: dunlin get pods')
    const names = namedObjects(of.words)
    const kube = await of.kube()
    const format = outputFormat(of.text('output'))
    if (isWholeFormat(format)) return showWhole(of, kube, names, format)
    if (of.isSet('watch')) return watchTable(of, kube, names)
    return showTables(of, kube, names)
  },
}

const namespaceOf = (of: Invocation, kube: KubeClient): string | undefined =>
  of.isSet('all-namespaces') ? undefined : (of.text('namespace') ?? kube.namespace)

const queryOf = (of: Invocation): { readonly [name: string]: string | undefined } => ({
  labelSelector: of.text('selector'),
  fieldSelector: of.text('field-selector'),
})

const fetchNamed = async (of: Invocation, kube: KubeClient, one: Named, accept: string): Promise<Shown | undefined> => {
  const namespace = namespaceOf(of, kube)
  if (one.name !== undefined && one.kind.isNamespaced && namespace === undefined) {
    throw new Fault('BadRequest', 'an object cannot be asked for by name in all namespaces; name one with -n')
  }
  try {
    return shown(
      await kube.request('GET', pathOf(one.kind, namespace, one.name), {
        accept,
        query: one.name === undefined ? queryOf(of) : {},
        signal: of.signal,
      }),
    )
  } catch (error) {
    if (of.isSet('ignore-not-found') && error instanceof Fault && error.reason === 'NotFound') return undefined
    throw error
  }
}

const showWhole = async (
  of: Invocation,
  kube: KubeClient,
  names: readonly Named[],
  format: string,
): Promise<number> => {
  const answers = (await Promise.all(names.map(one => fetchNamed(of, kube, one, 'application/json')))).filter(
    one => one !== undefined,
  )
  const isOne = names.length === 1 && names[0]?.name !== undefined
  const items = answers.flatMap((answer, index) =>
    names[index]?.name === undefined ? listAt(answer, 'items').map(item => withType(item, answer)) : [answer],
  )
  if (format === 'name') {
    for (const item of items) {
      const kind = kindOfWord(textAt(item, 'kind') ?? '')
      of.out.write(
        `${kind.singular}${kind.group === '' ? '' : `.${kind.group}`}/${textAt(item, 'metadata', 'name') ?? ''}\n`,
      )
    }
    return 0
  }
  const value = isOne ? items[0] : { apiVersion: 'v1', kind: 'List', items, metadata: { resourceVersion: '' } }
  if (value !== undefined) of.out.write(await formatValue(value, format))
  return 0
}

/** Items of a list carry no kind of their own in some answers; the list's name says it. */
const withType = (item: unknown, list: Shown): unknown =>
  isShown(item) && item['kind'] === undefined
    ? { apiVersion: list['apiVersion'], kind: String(list['kind']).replace(/List$/, ''), ...item }
    : item

const showTables = async (of: Invocation, kube: KubeClient, names: readonly Named[]): Promise<number> => {
  const groups = Map.groupBy(names, one => one.kind.plural)
  let isEmpty = true
  for (const [plural, members] of groups) {
    const answers = (await Promise.all(members.map(one => fetchNamed(of, kube, one, tableAccept)))).filter(
      one => one !== undefined,
    )
    const rows = answers.flatMap(answer => listAt(answer, 'rows'))
    if (rows.length === 0) continue
    if (!isEmpty) of.out.write('\n')
    isEmpty = false
    const prefix = groups.size > 1 ? `${members[0]?.kind.singular ?? plural}/` : ''
    of.out.write(tableText(of, answers[0], rows, prefix, !of.isSet('no-headers')))
  }
  if (isEmpty && !of.isSet('ignore-not-found')) {
    const namespace = namespaceOf(of, kube)
    of.out.note(
      names.some(one => one.kind.isNamespaced) && namespace !== undefined
        ? `No resources found in ${namespace} namespace.`
        : 'No resources found.',
    )
  }
  return 0
}

const visibleColumns = (
  of: Invocation,
  table: unknown,
): readonly { readonly index: number; readonly name: string }[] => {
  const isWide = of.text('output') === 'wide'
  return listAt(table, 'columnDefinitions').flatMap((column, index) =>
    isWide || at(column, 'priority') === 0 || at(column, 'priority') === undefined
      ? [{ index, name: (textAt(column, 'name') ?? '').toUpperCase() }]
      : [],
  )
}

const tableText = (
  of: Invocation,
  table: unknown,
  rows: readonly unknown[],
  prefix: string,
  hasHeader: boolean,
): string => {
  const columns = visibleColumns(of, table)
  const withNamespace =
    of.isSet('all-namespaces') && rows.some(row => textAt(row, 'object', 'metadata', 'namespace') !== undefined)
  const header = [...(withNamespace ? ['NAMESPACE'] : []), ...columns.map(column => column.name)]
  const body = rows.map(row => {
    const cells = columns.map(({ index }) => printable(textAt(row, 'cells', index) ?? '<none>'))
    if (prefix !== '' && cells[0] !== undefined) cells[0] = prefix + cells[0]
    return withNamespace ? [textAt(row, 'object', 'metadata', 'namespace') ?? '', ...cells] : cells
  })
  return formatTable(hasHeader ? [header, ...body] : body)
}

const watchTable = async (of: Invocation, kube: KubeClient, names: readonly Named[]): Promise<number> => {
  const [one] = names
  if (one === undefined || names.length > 1)
    throw new Fault('BadRequest', '--watch takes one kind, with at most one name')
  const namespace = namespaceOf(of, kube)
  const path = pathOf(one.kind, namespace)
  const query = { ...queryOf(of), ...(one.name === undefined ? {} : { fieldSelector: `metadata.name=${one.name}` }) }
  const first = shown(await kube.request('GET', path, { accept: tableAccept, query, signal: of.signal }))
  let table: unknown = first
  let hasHeader = !of.isSet('no-headers')
  const show = (rows: readonly unknown[]): void => {
    if (rows.length === 0) return
    of.out.write(tableText(of, table, rows, '', hasHeader))
    hasHeader = false
  }
  show(listAt(first, 'rows'))
  const resourceVersion = textAt(first, 'metadata', 'resourceVersion')
  try {
    for await (const event of kube.watch(path, {
      accept: tableAccept,
      query: { ...query, resourceVersion },
      signal: of.signal,
    })) {
      if (at(event, 'type') === 'ERROR')
        throw new Fault('Expired', textAt(event, 'object', 'message') ?? 'the watch ended; run the command again')
      if (at(event, 'type') === 'BOOKMARK') continue
      if (listAt(event, 'object', 'columnDefinitions').length > 0) table = at(event, 'object')
      show(listAt(event, 'object', 'rows'))
    }
  } catch (error) {
    if (!of.signal.aborted) throw error
  }
  return 0
}
