import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { faults } from '../../src/api/fault.ts'
import { commands } from '../../src/cli/commands.ts'
import { version } from '../../src/lib/version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...(readdirSync(join(root, 'docs'), { recursive: true }) as string[])
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

t.test('every link to a file in a document leads somewhere', async t => {
  for (const document of documents) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      t.ok(existsSync(join(root, dirname(document), target)), `${document} links to ${target}`)
    }
  }
})

const headingsOf = (document: string): ReadonlySet<string> =>
  new Set(
    [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )

t.test('every link to a heading leads to one', async t => {
  for (const document of documents) {
    for (const [, target = '', heading = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
      const place = target === '' ? document : join(dirname(document), target)
      t.ok(headingsOf(place).has(heading), `${document} links to ${target}#${heading}`)
    }
  }
})

t.test('every file of this repository that a document names is there', async t => {
  for (const document of documents) {
    const named = /(?<![\w./-])((?:src|test|docs|examples|scripts|bench|bin|packaging|\.ci)\/[\w./-]*[\w/])/g
    for (const [, path = ''] of read(document).matchAll(named)) {
      const isThere = existsSync(join(root, path)) || existsSync(join(root, dirname(document), path))
      t.ok(isThere, `${document} names ${path}`)
    }
  }
})

t.test('every dunlin command that a document tells to type is one, with options that it has', async t => {
  const known = new Map(commands.map(one => [one.name, one]))
  for (const document of documents) {
    const typed = [
      ...read(document).matchAll(/(?:^|`)(?:sudo |[A-Z_]+=\S+ )?(?:bin\/)?dunlin ([a-z][\w-]*)([^`\n#]*)/gm),
    ]
    for (const [line, name = '', rest = ''] of typed) {
      const command = known.get(name)
      if (!t.ok(command !== undefined, `${document}: ${line.trim()}`)) continue
      const options = new Set(command?.options.map(one => one.name))
      for (const [, option = ''] of rest.matchAll(/ --([a-z][a-z-]*)/g))
        t.ok(options.has(option), `${document}: dunlin ${name} --${option}`)
    }
  }
})

t.test('the error table in the documents is the one in the code', async t => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \| (yes|no) \|/gm)].map(
    ([, reason, status, exit, retry]) => [reason, Number(status), Number(exit), retry === 'yes'],
  )
  t.strictSame(
    rows,
    Object.entries(faults).map(([reason, row]) => [reason, row.status, row.exit, row.retry]),
  )
})

t.test('the version is the same in code and package', async t => {
  const manifest: unknown = JSON.parse(read('package.json'))
  t.match(manifest, { version })
})

t.test('every script that a document names exists', async t => {
  const manifest = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> }
  for (const document of documents) {
    for (const [, script = ''] of read(document).matchAll(
      /npm (?:run )?(start|test(?::\w+)?|check|dev|bench|format|generate)\b/g,
    )) {
      t.ok(script in manifest.scripts, `${document} names npm script ${script}`)
    }
  }
})
