import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { folderOf } from '../support/folder-of.ts'
import { ask } from './a-whole-hub.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const configMaps = '/api/v1/namespaces/default/configmaps'

/** A hub in a process of its own, which can be killed; resolves when it is up. */
const startHubProcess = async (folder: string) => {
  const words = ['hub', '--data', folder, '--host', '127.0.0.1', '--port', '0', '--mqtt-port', '0']
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'ignore', 'pipe'], env: {} })
  for await (const line of createInterface({ input: child.stderr })) {
    const told: { readonly message?: string; readonly api?: readonly string[] } = JSON.parse(line)
    if (told.message !== 'the hub is up') continue
    child.stderr.resume()
    return { child, port: Number(told.api?.[0]?.split(':').at(-1)) }
  }
  throw new Error('the hub did not come up')
}

t.test('a hub killed with -9 during writes has every write that it acknowledged, and no half one', async t => {
  const folder = `${folderOf(t)}/hub`
  const read = (name: string) => readFileSync(`${folder}/keys/${name}`, 'utf8')
  const first = await startHubProcess(folder)
  t.teardown(() => first.child.kill('SIGKILL'))
  const by = { certificate: read('admin.crt'), key: read('admin.key') }
  const ca = read('ca.crt')
  const acknowledged = new Map<string, unknown>()
  const writer = async (writer: number): Promise<void> => {
    for (let count = 0; ; count += 1) {
      const name = `w${writer}-${count}`
      const body = { metadata: { name }, data: { name, text: 'x'.repeat(500) } }
      try {
        const made = await ask({ port: first.port, ca, by, method: 'POST', path: configMaps, body })
        if (made.status !== 201) throw new Error(made.text)
        acknowledged.set(name, made.body)
      } catch (error) {
        // The hub is gone: what it did not answer is not acknowledged.
        if (first.child.killed) return
        throw error
      }
      if (acknowledged.size >= 60 && !first.child.killed) first.child.kill('SIGKILL')
    }
  }
  await Promise.all([0, 1, 2, 3, 4, 5].map(writer))
  if (first.child.exitCode === null && first.child.signalCode === null) await once(first.child, 'exit')

  const second = await startHubProcess(folder)
  t.teardown(() => second.child.kill('SIGKILL'))
  const list = await ask({ port: second.port, ca, by, method: 'GET', path: configMaps })
  const items = list.body['items'] as {
    readonly metadata: { readonly name: string }
    readonly data: { readonly name: string; readonly text: string }
  }[]
  const kept = new Map(items.map(one => [one.metadata.name, one]))
  t.ok(acknowledged.size >= 60)
  for (const [name, made] of acknowledged) {
    const { data, metadata } = made as (typeof items)[number]
    t.match(kept.get(name), { data, metadata }, name)
  }
  for (const { data, metadata } of items) {
    if (metadata.name.startsWith('w')) t.strictSame([data.name, data.text.length], [metadata.name, 500])
  }
  second.child.kill('SIGTERM')
  t.strictSame(await once(second.child, 'exit'), [0, null], 'asked to end, it ends well')
})
