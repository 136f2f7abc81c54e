import type { Option } from './command.ts'

/** Options that more than one command takes. */
export const common = {
  help: { name: 'help', short: 'h', help: 'what this command does, with examples' },
  kubeconfig: {
    name: 'kubeconfig',
    value: 'FILE',
    help: 'kubeconfig file (default: KUBECONFIG, .dunlin/kubeconfig, ~/.kube/config)',
  },
  context: { name: 'context', value: 'NAME', help: 'context of the kubeconfig (default: its current one)' },
  namespace: {
    name: 'namespace',
    short: 'n',
    value: 'NAME',
    help: 'namespace (default: the context’s, else "default")',
  },
  allNamespaces: { name: 'all-namespaces', short: 'A', help: 'in all namespaces' },
  selector: { name: 'selector', short: 'l', value: 'LABELS', help: 'only objects with these labels, e.g. app=web' },
  file: {
    name: 'filename',
    short: 'f',
    value: 'FILE',
    many: true,
    help: 'a file, a folder of files, or - for standard input',
  },
  output: { name: 'output', short: 'o', value: 'FORMAT', help: 'json, yaml, name or wide' },
  timeout: { name: 'timeout', value: 'TIME', help: 'give up after this time, e.g. 90s or 5m' },
  verbose: { name: 'verbose', short: 'v', help: 'say more on standard error' },
} as const satisfies Record<string, Option>

/** What every command that speaks to the hub takes. */
export const kubeOptions: readonly Option[] = [common.kubeconfig, common.context, common.namespace]
