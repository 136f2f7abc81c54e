import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findKubeconfig, listContexts, readContext } from '../../src/cli/kubeconfig.ts'

const file = {
  'current-context': 'barn',
  contexts: [
    { name: 'barn', context: { cluster: 'one', user: 'ann', namespace: 'shop' } },
    { name: 'lost', context: { cluster: 'gone', user: 'ann' } },
  ],
  clusters: [
    {
      name: 'one',
      cluster: { server: 'https://hub:6443', 'certificate-authority-data': Buffer.from('CA').toString('base64') },
    },
  ],
  users: [
    {
      name: 'ann',
      user: { 'client-certificate-data': Buffer.from('CERT').toString('base64'), 'client-key': 'ann.key' },
    },
  ],
}

t.test('a context is its cluster, its user and its namespace, data inline or in files beside it', async t => {
  const folder = t.testdir({ 'ann.key': 'KEY' })
  t.strictSame(await readContext(file, join(folder, 'config'), undefined), {
    name: 'barn',
    server: 'https://hub:6443',
    namespace: 'shop',
    ca: 'CA',
    cert: 'CERT',
    key: 'KEY',
    token: undefined,
  })
})

t.test('what is missing is named, with what there is', async t => {
  await t.rejects(readContext(file, 'f', 'nope'), {
    message: 'f has no context "nope"; it has: barn, lost. Choose one with --context',
  })
  await t.rejects(readContext(file, 'f', 'lost'), { message: 'f: context "lost" names no cluster with a server' })
  await t.rejects(readContext(['no'], 'f', undefined), { message: /f is not a kubeconfig/ })
})

t.test('the current context is marked', async t => {
  t.strictSame(listContexts(file), [
    { name: 'barn', isCurrent: true },
    { name: 'lost', isCurrent: false },
  ])
})

t.test('the kubeconfig is found by flag, environment, working folder and home, in this order', async t => {
  const folder = t.testdir({ '.dunlin': {}, deep: { er: {} }, home: {} })
  const deep = join(folder, 'deep', 'er')
  t.equal(await findKubeconfig('/flag', { KUBECONFIG: '/env' }, deep), '/flag')
  t.equal(await findKubeconfig(undefined, { KUBECONFIG: '/env:/other' }, deep), '/env')
  await writeFile(join(folder, '.dunlin', 'kubeconfig'), '{}')
  t.equal(await findKubeconfig(undefined, {}, deep), join(folder, '.dunlin', 'kubeconfig'))
  t.equal(await findKubeconfig(undefined, { HOME: '/h' }, '/'), '/h/.kube/config')
})
