import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '../../src/api/yaml.ts'
import { at, listAt, textAt } from '../../src/cli/shown.ts'
import { ownWorld } from '../fleet/own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { podsOf, podsReady, readPage, startFleet, until } = await import('../fleet/kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
const node = await fleet.addNode('a')
const folder = fileURLToPath(new URL('../../examples/', import.meta.url))

/** Applies an example, looks at it, deletes it again; nothing of it is left. */
const example = async (file: string, labels: readonly string[], look: () => Promise<void>): Promise<void> => {
  await fleet.mustDunlin(['apply', '-f', `${folder}${file}`, '--wait', '--timeout', '120s'])
  await look()
  await fleet.mustDunlin(['delete', '-f', `${folder}${file}`, '--timeout', '90s'])
  for (const label of labels)
    await until(`the end of the pods of ${label}`, async () =>
      (await podsOf(fleet, label)).length === 0 ? true : undefined,
    )
}

const podIP = async (labels: string): Promise<string> => {
  const [pod] = await podsReady(fleet, labels, 1)
  return textAt(pod, 'status', 'podIP') ?? ''
}

/** The page as the node itself sees it, at a pod's address. */
const pageOnNode = async (url: string): Promise<string> =>
  (await node.machine.exec(['curl', '-s', '-m', '2', url])).output

t.test('hello.yaml: two pods answer through one NodePort', async t => {
  await example('hello.yaml', ['app=hello'], async () => {
    const seen = new Set<string>()
    await until('both pods answering', async () => {
      seen.add(await readPage(`http://${node.machine.address}:30080`))
      return seen.size === 2 ? true : undefined
    })
    t.equal(seen.size, 2)
  })
})

t.test('bare-pod.yaml: one pod runs and writes', async t => {
  await example('bare-pod.yaml', ['app=clock'], async () => {
    t.match(
      await until('a line of its log', async () => {
        const { output } = await fleet.dunlin(['logs', 'clock'])
        return output.includes('UTC') ? output : undefined
      }),
      /UTC/,
    )
  })
})

t.test('front-and-back.yaml: the front end on port 31111 reaches its back end by name', async t => {
  await example('front-and-back.yaml', ['app=front', 'app=back'], async () => {
    const page = await until('the front end’s answer', async () => {
      const text = await readPage(`http://${node.machine.address}:31111`)
      return text.includes('back is') ? text : undefined
    })
    t.match(page, /^front says: back is back-/)
    const service = await fleet.kube.request('GET', '/api/v1/namespaces/default/services/front')
    t.match(at(service, 'spec', 'ports'), [{ port: 80, targetPort: 8080, nodePort: 31111 }])
  })
})

t.test('init-containers.yaml: the first waits for the API, the second prepares, then the app serves', async t => {
  await example('init-containers.yaml', ['app=prepared', 'app=api'], async () => {
    const ip = await podIP('app=prepared')
    t.equal((await pageOnNode(`http://${ip}:8080/`)).trim(), 'prepared with: the api is up')
    const [pod] = await podsOf(fleet, 'app=prepared')
    const ends = listAt(pod, 'status', 'initContainerStatuses').map(one =>
      Date.parse(textAt(one, 'state', 'terminated', 'finishedAt') ?? ''),
    )
    const starts = listAt(pod, 'status', 'initContainerStatuses').map(one =>
      Date.parse(textAt(one, 'state', 'terminated', 'startedAt') ?? ''),
    )
    t.ok((starts[1] ?? 0) >= (ends[0] ?? Number.NaN), 'one after the other')
    t.strictSame(
      listAt(pod, 'status', 'initContainerStatuses').map(one => at(one, 'restartCount')),
      [0, 0],
      'each once',
    )
  })
})

t.test('sidecar-git.yaml: what is pushed to the repository is served', async t => {
  const git = (words: readonly string[], cwd: string): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example', '-c', 'safe.directory=*', ...words], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const work = join(world.folder, 'git')
  mkdirSync(join(work, 'tree'), { recursive: true })
  git(['init', '-q', '-b', 'main', 'tree'], work)
  const commit = (text: string): void => {
    writeFileSync(join(work, 'tree', 'index.html'), text)
    git(['add', '.'], join(work, 'tree'))
    git(['commit', '-q', '-m', text], join(work, 'tree'))
  }
  commit('first edition')
  git(['clone', '-q', '--bare', 'tree', 'site'], work)
  const daemon = spawn(
    'git',
    ['-c', 'safe.directory=*', 'daemon', '--export-all', `--base-path=${work}`, '--reuseaddr', '--listen=0.0.0.0'],
    {
      stdio: 'ignore',
      env: { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
    },
  )
  t.teardown(() => daemon.kill())
  const file = join(work, 'sidecar-git.yaml')
  writeFileSync(
    file,
    readFileSync(`${folder}sidecar-git.yaml`, 'utf8').replace(
      'git://git.example/site',
      `git://${fleet.lan.address}/site`,
    ),
  )
  await fleet.mustDunlin(['apply', '-f', file, '--wait', '--timeout', '120s'])
  const ip = await podIP('app=site')
  const page = (text: string): Promise<string> =>
    until(`the page "${text}"`, async () => {
      const found = (await pageOnNode(`http://${ip}:8080/`)).trim()
      return found === text ? found : undefined
    })
  t.equal(await page('first edition'), 'first edition')
  commit('second edition')
  git(['push', '-q', join(work, 'site'), 'main'], join(work, 'tree'))
  t.equal(await page('second edition'), 'second edition')
  await fleet.mustDunlin(['delete', '-f', file, '--timeout', '90s'])
})

t.test('adapter.yaml: the app’s status is on port 9113 in Prometheus’ format', async t => {
  await example('adapter.yaml', ['app=app-with-adapter'], async () => {
    const ip = await podIP('app=app-with-adapter')
    const text = await pageOnNode(`http://${ip}:9113/cgi-bin/metrics.cgi`)
    t.equal(
      text,
      '# TYPE app_connections_active gauge\napp_connections_active 3\n# TYPE app_requests_total counter\napp_requests_total 42\n',
    )
    t.not(
      (await node.machine.exec(['curl', '-s', '-m', '2', `http://${ip}:8080/cgi-bin/status.cgi`])).code,
      0,
      'the app itself is on localhost only',
    )
  })
})

t.test('ambassador.yaml: the app reaches its store as localhost', async t => {
  await example('ambassador.yaml', ['app=app-with-ambassador', 'app=store'], async () => {
    const log = await until('the store’s answer', async () => {
      const { output } = await fleet.dunlin(['logs', 'app-with-ambassador', '-c', 'app'])
      return output.includes('PONG') ? output : undefined
    })
    t.match(log, /\+PONG/)
  })
})

t.test('daemon-set-host-network.yaml: every node answers on its own port', async t => {
  await example('daemon-set-host-network.yaml', ['app=node-page'], async () => {
    t.equal((await until('the node’s page', () => readPage(`http://${node.machine.address}:8099`))).trim(), 'node a')
    const [pod] = await podsOf(fleet, 'app=node-page')
    t.equal(textAt(pod, 'status', 'podIP'), node.machine.address)
  })
  await t.rejects(
    new Promise((resolve, reject) => {
      const socket = createConnection(8099, node.machine.address, () => resolve(socket.destroy()))
      socket.on('error', reject)
    }),
    { code: 'ECONNREFUSED' },
  )
})

t.test('storage.yaml: foreign provisioners are stored and read back field by field', async t => {
  const documents = parseYaml(readFileSync(`${folder}storage.yaml`, 'utf8')).map(one => one.value)
  const told = await fleet.mustDunlin(['apply', '-f', `${folder}storage.yaml`])
  t.match(told, /Warning: .*binding|Warning: .*bound|Warning: .*provision/i)
  for (const [path, written] of [
    ['/apis/storage.k8s.io/v1/storageclasses/shop-nfs', documents[0]],
    ['/api/v1/persistentvolumes/shop-media', documents[1]],
  ] as const) {
    const read = await fleet.kube.request('GET', path)
    for (const field of Object.keys(Object(written))) {
      if (field === 'metadata') continue
      t.match(at(read, field), at(written, field), `${path} ${field}`)
    }
    t.match(at(read, 'metadata', 'labels') ?? {}, at(written, 'metadata', 'labels') ?? {})
  }
  await fleet.mustDunlin(['delete', '-f', `${folder}storage.yaml`])
  t.equal((await fleet.dunlin(['get', 'pv', 'shop-media'])).code, 1)
})
