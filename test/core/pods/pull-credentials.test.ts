import t from 'tap'
import { pullCredentials } from '../../../src/core/pods/pull-credentials.ts'
import { sourcesOf } from '../../../src/core/pods/sources.ts'
import { aPod, aSecret } from '../../fakes/builders.ts'

const auth = (text: string) => Buffer.from(text).toString('base64')

const from = (image: string, ...configs: readonly (readonly [string, unknown])[]) => {
  const secrets = configs.map(([key, json], at) => aSecret(`s${at}`, { [key]: JSON.stringify(json) }))
  const pod = aPod({ imagePullSecrets: [...secrets.map((_, at) => ({ name: `s${at}` })), { name: 'missing' }] })
  return pullCredentials(image, pod, sourcesOf([], secrets)).map(one => `${one.username}:${one.password}`)
}

const image = 'registry.example:5000/team/web:1'

for (const { what, host, found } of [
  { what: 'the host and port', host: 'registry.example:5000', found: true },
  { what: 'a URL of the old kind', host: 'https://registry.example:5000/v1/', found: true },
  { what: 'a path above the image', host: 'registry.example:5000/team', found: true },
  { what: 'a path beside the image', host: 'registry.example:5000/tea', found: false },
  { what: 'another port', host: 'registry.example:5001', found: false },
  { what: 'another host', host: 'other.example:5000', found: false },
]) {
  t.test(`an entry for ${what} is ${found ? '' : 'not '}used`, async t => {
    const config = { auths: { [host]: { auth: auth('u:p:with:colons') } } }
    t.strictSame(from(image, ['.dockerconfigjson', config]), found ? ['u:p:with:colons'] : [])
  })
}

t.test('names and passwords in clear, the old form, and several secrets in order', async t => {
  t.strictSame(
    from(
      image,
      ['.dockerconfigjson', { auths: { 'registry.example:5000': { username: 'a', password: '1' } } }],
      ['.dockercfg', { 'registry.example:5000': { auth: auth('b:2') } }],
    ),
    ['a:1', 'b:2'],
  )
})

t.test("Docker Hub's names are all for images without a host", async t => {
  for (const host of ['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io'])
    t.strictSame(from('nginx:1', ['.dockerconfigjson', { auths: { [host]: { auth: auth('u:p') } } }]), ['u:p'], host)
})

t.test('what cannot be read is passed over', async t => {
  for (const rubbish of [
    null,
    5,
    { auths: 5 },
    { auths: { 'registry.example:5000': { auth: '%%%' } } },
    { auths: { 'registry.example:5000': {} } },
  ])
    t.strictSame(from(image, ['.dockerconfigjson', rubbish]), [], JSON.stringify(rubbish))
})
