import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Everything that people wrote here. What is generated from Kubernetes' own descriptions speaks of the whole world. */
const files = ['.ci', 'bench', 'bin', 'docs', 'examples', 'packaging', 'scripts', 'src', 'test']
  .flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length)),
  )
  .concat('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'package.json', 'package-lock.json', '.gitignore', '.taprc')
  .filter(path => !path.startsWith('src/api/generated/') && path !== 'test/house/places.test.ts')

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Where operations.md puts a clone. */
const documented = '/opt/dunlin/'

t.test('nothing names a place on the machine of whoever wrote it', async t => {
  const isOwnFolder = root.split('/').length > 3 && root !== documented
  const homes = /(?<![\w.${}])\/(?:home|Users)\/\w|(?<![\w.${}])\/root\//
  for (const path of files) {
    const text = read(path)
    t.notMatch(text, homes, `${path}: a home folder`)
    if (isOwnFolder) t.notOk(text.includes(root), `${path}: this folder`)
  }
})

t.test('no registry is named: where images and packages come from is the reader’s to say', async t => {
  const hosts = /\b(?:quay\.io|(?:[\w-]+\.)?gcr\.io|registry\.k8s\.io|mcr\.microsoft\.com|public\.ecr\.aws|npmmirror)\b/
  for (const path of files.filter(path => !path.startsWith('test/'))) t.notMatch(read(path), hosts, path)
})

t.test('the one registry in the code is the one that an image without a host means', async t => {
  const named = files.filter(path => !path.startsWith('test/') && read(path).includes('docker.io'))
  t.strictSame(named.toSorted(), [
    'src/agent/pods/needed-images.ts',
    'src/core/pods/pull-credentials.ts',
    'src/runtime-podman/engine/configuration.ts',
    'src/runtime-podman/names.ts',
  ])
})

t.test('the lock file leaves the host of packages to the reader’s own settings', async t => {
  t.notMatch(read('package-lock.json'), /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/)
})
