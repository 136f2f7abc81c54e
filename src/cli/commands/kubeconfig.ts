import { join } from 'node:path'
import { Fault } from '../../api/fault.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import type { Command } from '../command.ts'
import { kubeOptions } from '../options.ts'
import { textAt } from '../shown.ts'

export const kubeconfig: Command = {
  name: 'kubeconfig',
  summary: 'a kubeconfig for a named user, or certificates for a telemetry reader',
  usage: 'kubeconfig --user NAME [--group GROUP…] | kubeconfig --telemetry NAME --folder DIR',
  examples: [
    { line: 'dunlin kubeconfig --user ann > ann.kubeconfig', says: 'for Ann; a RoleBinding says what she may do' },
    { line: 'dunlin kubeconfig --user ops --group system:masters', says: 'one more administrator' },
    {
      line: 'dunlin kubeconfig --telemetry grafana --folder ./grafana',
      says: 'ca.crt, client.crt and client.key that read telemetry over MQTT, nothing else',
    },
  ],
  options: [
    ...kubeOptions,
    { name: 'user', value: 'NAME', help: 'the user that the certificate names' },
    { name: 'group', value: 'NAME', many: true, help: 'a group of the user' },
    { name: 'telemetry', value: 'NAME', help: 'a user who may read telemetry, and nothing else' },
    { name: 'folder', value: 'DIR', help: 'where the telemetry reader’s files go' },
    { name: 'days', value: 'N', help: 'how long the certificate is good (default 365)' },
  ],
  async run(of) {
    const kube = await of.kube()
    const days = of.text('days') ?? '365'
    if (!/^\d{1,4}$/.test(days)) throw new Fault('BadRequest', `--days=${days} is not a number of days`)
    const telemetry = of.text('telemetry')
    const user = telemetry ?? of.text('user')
    if (user === undefined) throw new Fault('BadRequest', 'for whom? For example: dunlin kubeconfig --user ann')
    const body = {
      user,
      groups: telemetry === undefined ? of.texts('group') : ['dunlin:telemetry'],
      days: Number(days),
    }
    const made = await kube.request('POST', '/dunlin/v1/users', { body, signal: of.signal })
    if (telemetry === undefined) {
      of.out.write(textAt(made, 'kubeconfig') ?? '')
      return 0
    }
    const folder = of.text('folder')
    if (folder === undefined) throw new Fault('BadRequest', 'where shall the files go? Name a folder with --folder')
    for (const [file, field] of [
      ['ca.crt', 'ca'],
      ['client.crt', 'certificate'],
      ['client.key', 'key'],
    ] as const) {
      await writeDurably(join(folder, file), textAt(made, field) ?? '')
    }
    const { hostname } = new URL(kube.server)
    const fleet = textAt(made, 'fleetId') ?? 'FLEET'
    of.out.write(
      `mosquitto_sub -h ${hostname} -p ${textAt(made, 'mqttPort') ?? '8883'} --cafile ${join(folder, 'ca.crt')} --cert ${join(folder, 'client.crt')} --key ${join(folder, 'client.key')} -i ${user} -v -t 'dunlin/1/${fleet}/t/#'\n`,
    )
    return 0
  },
}
