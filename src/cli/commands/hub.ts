import { hubSettings } from '../../hub/config.ts'
import { systemClock } from '../../lib/clock.ts'
import { takeSupervisor } from '../../lib/supervisor.ts'
import type { Command } from '../command.ts'
import { settingOptions } from '../setting-options.ts'

export const hub: Command = {
  name: 'hub',
  summary: 'run a hub on this machine',
  usage: 'hub [options]',
  examples: [
    {
      line: 'dunlin hub --kubeconfig admin.kubeconfig',
      says: 'data in /var/lib/dunlin/hub, API on 6443, MQTT on 8883',
    },
    { line: 'dunlin hub --data ./hub --port 7443 --mqtt-port 7883', says: 'in a folder and on ports of your own' },
    { line: 'DUNLIN_CONFIG=/etc/dunlin/hub.yaml dunlin hub', says: 'with settings from a file' },
  ],
  options: settingOptions(hubSettings),
  async run(of) {
    const { runHub } = await import('../../hub/run-hub.ts')
    await runHub({
      argv: of.line,
      env: of.env,
      clock: systemClock,
      write: line => of.out.note(line.trimEnd()),
      signal: of.signal,
      supervisor: takeSupervisor(process.env, process.pid),
    })
    return 0
  },
}
