import { Fault } from '../../api/fault.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import type { Command } from '../command.ts'
import { kubeOptions } from '../options.ts'

export const backup: Command = {
  name: 'backup',
  summary: 'one archive of the hub’s store and keys, while it runs',
  usage: 'backup FILE [--passphrase-env NAME]',
  examples: [
    { line: 'dunlin backup monday.dunlin', says: 'keep it where only you can read it: it holds the keys of the fleet' },
    {
      line: 'DUNLIN_PASS=… dunlin backup monday.dunlin --passphrase-env DUNLIN_PASS',
      says: 'sealed with a passphrase',
    },
  ],
  options: [
    ...kubeOptions,
    { name: 'passphrase-env', value: 'NAME', help: 'seal it with the passphrase in this environment variable' },
  ],
  async run(of) {
    const [path] = of.words
    if (path === undefined) throw new Fault('BadRequest', 'into which file? For example: dunlin backup monday.dunlin')
    const kube = await of.kube()
    const passphrase = passphraseOf(of.text('passphrase-env'), of.env)
    const answer = await kube.open('POST', '/dunlin/v1/backup', {
      body: passphrase === undefined ? {} : { passphrase },
      accept: '*/*',
      signal: of.signal,
    })
    // On the disk before it is said to be: the machine may lose its power in the next second.
    await writeDurably(path, answer)
    of.out.write(`backup written to ${path}\n`)
    return 0
  },
}

/** @throws Fault BadRequest when the variable is named but empty */
export const passphraseOf = (name: string | undefined, env: NodeJS.ProcessEnv): string | undefined => {
  if (name === undefined) return undefined
  const value = env[name]
  if (value === undefined || value === '')
    throw new Fault('BadRequest', `the environment variable ${name} is empty; it must hold the passphrase`)
  return value
}
