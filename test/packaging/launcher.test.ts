import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { agentEnvironment, agentFlags, agentLauncher } from '../../scripts/agent-launch.ts'
import { folderOf } from '../support/folder-of.ts'

const bin = fileURLToPath(new URL('../../bin/dunlin', import.meta.url))

t.test('Node takes every flag of the agent', async t => {
  const ended = spawnSync(process.execPath, [...agentFlags, '-p', '1 + 1'], { encoding: 'utf8', env: {} })
  t.equal(ended.stdout, '2\n', ended.stderr)
})

t.test('the agent is started with its flags and its environment, and with the words that were given', async t => {
  const folder = folderOf(t)
  writeFileSync(`${folder}/dunlin-agent`, agentLauncher(agentFlags))
  chmodSync(`${folder}/dunlin-agent`, 0o755)
  writeFileSync(
    `${folder}/dunlin-agent.js`,
    'console.log(JSON.stringify({ flags: process.execArgv, words: process.argv.slice(2), env: process.env }))',
  )
  const ended = spawnSync(`${folder}/dunlin-agent`, ['--state', '/a folder'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], DUNLIN_NODE: process.execPath },
  })
  const seen: unknown = JSON.parse(ended.stdout)
  t.match(seen, { flags: agentFlags, words: ['--state', '/a folder'], env: agentEnvironment })
})

t.test('dunlin agent is the bundle where one lies beside it', async t => {
  const folder = folderOf(t)
  mkdirSync(`${folder}/bin`)
  mkdirSync(`${folder}/agent`)
  cpSync(bin, `${folder}/bin/dunlin`)
  writeFileSync(`${folder}/agent/dunlin-agent`, '#!/bin/sh\necho "$DUNLIN_NODE:$@"\n')
  chmodSync(`${folder}/agent/dunlin-agent`, 0o755)
  const ended = spawnSync(`${folder}/bin/dunlin`, ['agent', '--state', 'x'], { encoding: 'utf8' })
  t.equal(ended.stdout, 'node:--state x\n', ended.stderr)
})
