import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { registryProgram } from '../../scripts/debian-part.ts'
import { helloArchive } from '../../scripts/images.ts'
import { listAt, textAt } from '../../src/cli/shown.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { podsOf, podsReady, startFleet, until } = await import('./kit.ts')

const program = registryProgram()
const folder = join(world.folder, 'registry')
mkdirSync(folder, { recursive: true })
const run = (words: readonly string[]): string =>
  execFileSync(words[0] ?? '', words.slice(1), { encoding: 'utf8', cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
const host = `${fleet.lan.address}:5443`
run([
  'openssl',
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  'ca.key',
  '-out',
  'ca.crt',
  '-days',
  '30',
  '-subj',
  '/CN=test registry CA',
])
run([
  'openssl',
  'req',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  'tls.key',
  '-out',
  'tls.csr',
  '-subj',
  '/CN=registry',
])
writeFileSync(join(folder, 'ext'), `subjectAltName=IP:${fleet.lan.address}\n`)
run([
  'openssl',
  'x509',
  '-req',
  '-in',
  'tls.csr',
  '-CA',
  'ca.crt',
  '-CAkey',
  'ca.key',
  '-CAcreateserial',
  '-out',
  'tls.crt',
  '-days',
  '30',
  '-extfile',
  'ext',
])
writeFileSync(join(folder, 'htpasswd'), run(['htpasswd', '-Bbn', 'farmer', 'barn-door']))
writeFileSync(
  join(folder, 'config.yml'),
  `version: 0.1
storage: { filesystem: { rootdirectory: ${folder}/data } }
http: { addr: '${host}', tls: { certificate: ${folder}/tls.crt, key: ${folder}/tls.key } }
auth: { htpasswd: { realm: test, path: ${folder}/htpasswd } }
`,
)
const registry = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
t.teardown(() => registry.kill())
await until(
  'the registry’s start',
  () =>
    run(['curl', '-s', '--cacert', 'ca.crt', '-u', 'farmer:barn-door', `https://${host}/v2/`]).trim() === '{}'
      ? true
      : undefined,
  20,
)

const certs = join(world.folder, 'certs')
mkdirSync(join(certs, host), { recursive: true })
writeFileSync(join(certs, host, 'ca.crt'), execFileSync('cat', [join(folder, 'ca.crt')]))

/** Pushes the image with Podman itself, as a person would. */
const push = (): void => {
  writeFileSync(join(folder, 'hello.tar'), helloArchive(`${host}/barn/hello:7`))
  const root = ['--root', join(folder, 'push'), '--runroot', '/run/push', '--storage-driver', 'vfs']
  writeFileSync(join(folder, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}')
  run(['podman', ...root, 'load', '--signature-policy', join(folder, 'policy.json'), '-i', 'hello.tar'])
  run([
    'podman',
    ...root,
    'push',
    '--signature-policy',
    join(folder, 'policy.json'),
    '--cert-dir',
    join(certs, host),
    '--creds',
    'farmer:barn-door',
    `${host}/barn/hello:7`,
  ])
}
push()
await fleet.addNode('a', ['--registry-certs', certs])

const pod = (name: string, secret: string | undefined): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  ${secret === undefined ? '' : `imagePullSecrets: [{ name: ${secret} }]`}
  containers: [{ name: hello, image: '${host}/barn/hello:7', command: [sh, -c, 'echo pulled; sleep 1000'] }]
  terminationGracePeriodSeconds: 0
`
const pullSecret = (name: string, password: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: ${name} }
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '${JSON.stringify({ auths: { [host]: { auth: Buffer.from(`farmer:${password}`).toString('base64') } } })}'
`

t.test('an image that needs a password and a private CA is pulled with an imagePullSecret, and runs', async t => {
  await fleet.mustDunlin(
    ['apply', '-f', '-', '--wait', '--timeout', '120s'],
    `${pullSecret('right', 'barn-door')}---${pod('pulled', 'right')}`,
  )
  await podsReady(fleet, 'app=pulled', 1)
  t.match(
    await until('its log', async () => {
      const { output } = await fleet.dunlin(['logs', 'pulled'])
      return output.includes('pulled') ? output : undefined
    }),
    'pulled',
  )
  const [one] = await podsOf(fleet, 'app=pulled')
  t.match(textAt(one, 'status', 'containerStatuses', 0, 'imageID'), /[0-9a-f]{64}/)
})

t.test('without the right password the pod tells why, and what mends it', async t => {
  await fleet.mustDunlin(['delete', 'pod', 'pulled'])
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    `${pullSecret('wrong', 'guess')}---${pod('unpulled', 'wrong').replace('image:', 'imagePullPolicy: Always, image:')}`,
  )
  const reason = await until('the reason', async () => {
    const [one] = await podsOf(fleet, 'app=unpulled')
    const waiting = listAt(one, 'status', 'containerStatuses')[0]
    const text = textAt(waiting, 'state', 'waiting', 'reason')
    return text === 'ErrImagePull' || text === 'ImagePullBackOff'
      ? `${text}: ${textAt(waiting, 'state', 'waiting', 'message')}`
      : undefined
  })
  t.match(reason, /unauthorized|authentication/i)
  const { code, output } = await fleet.dunlin(['why', 'pod/unpulled'])
  t.equal(code, 1)
  t.match(output, /imagePullSecrets hold the right password/)
})
