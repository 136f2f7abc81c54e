import { Fault } from '../../api/fault.ts'
import type { Command } from '../command.ts'
import { passphraseOf } from './backup.ts'

export const restore: Command = {
  name: 'restore',
  summary: 'put a backup into an empty data folder, on the machine of the hub',
  usage: 'restore FILE --data DIR',
  examples: [
    {
      line: 'dunlin restore monday.dunlin --data /var/lib/dunlin/hub',
      says: 'then start the hub; the nodes come back by themselves',
    },
  ],
  options: [
    { name: 'data', value: 'DIR', help: 'the data folder of the hub (default /var/lib/dunlin/hub)' },
    {
      name: 'passphrase-env',
      value: 'NAME',
      help: 'the backup is sealed with the passphrase in this environment variable',
    },
  ],
  async run(of) {
    const [archive] = of.words
    if (archive === undefined)
      throw new Fault(
        'BadRequest',
        'which backup? For example: dunlin restore monday.dunlin --data /var/lib/dunlin/hub',
      )
    const passphrase = passphraseOf(of.text('passphrase-env'), of.env)
    const { restoreBackup } = await import('../../hub/restore.ts')
    const folder = of.text('data') ?? '/var/lib/dunlin/hub'
    const restored = await restoreBackup({
      archive,
      folder,
      now: of.now,
      ...(passphrase === undefined ? {} : { passphrase }),
    })
    for (const warning of restored.warnings) of.out.note(`Warning: ${warning}`)
    of.out.write(`restored into ${folder}; its incarnation is now ${restored.incarnation}\n`)
    return 0
  },
}
