import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli } from '../../../src/cli/main.ts'
import { formatJoinToken } from '../../../src/wire/join-token.ts'

export const token = formatJoinToken({
  id: 'abcdefgh',
  secret: 'b'.repeat(26),
  pin: 'A'.repeat(43),
  addresses: ['192.168.1.2:6443'],
})

export const publicKey = `ssh-ed25519 ${'A'.repeat(68)} you@laptop`

/** Runs `dunlin flash` with these words; resolves to what it wrote and its exit code. */
export const runFlash = async (
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly code: number; readonly out: string; readonly notes: string }> => {
  let out = ''
  let notes = ''
  const code = await runCli(['flash', ...words], {
    out: {
      write: text => {
        out += Buffer.from(text).toString('utf8')
      },
      drained: async () => undefined,
      note: text => {
        notes += `${text}\n`
      },
      isTerminal: false,
      columns: 80,
    },
    env,
    signal: new AbortController().signal,
  })
  return { code, out, notes }
}

/** A folder with packages that nobody installs, and a public key; options that name them. */
export const carriedBy = (folder: string): readonly string[] => {
  const debs = join(folder, 'dunlin-agent_0.1.0_all.deb')
  writeFileSync(debs, '!<arch>\nagent')
  writeFileSync(join(folder, 'dunlin_0.1.0_arm64.deb'), `!<arch>\n${'program'.repeat(20_000)}`)
  // For other machines: they stay where they are.
  for (const name of ['dunlin-hub_0.1.0_all.deb', 'dunlin_0.1.0_amd64.deb'])
    writeFileSync(join(folder, name), '!<arch>\n')
  writeFileSync(join(folder, 'id.pub'), `# mine\n${publicKey}\n`)
  return ['--package', folder, '--token', token]
}
