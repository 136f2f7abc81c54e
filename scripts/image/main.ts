import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeError } from '../../src/api/fault.ts'
import { readAptSource } from './apt-source.ts'
import { buildImage, compressImage } from './build-image.ts'
import { findOwnPackages, makeOwnPackages } from './own-packages.ts'
import { variants } from './variant.ts'

/** npm run image: a disk image of Debian for arm64 with our agent in it. `--help` says what may be chosen. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    variant: { type: 'string', default: 'generic' },
    target: { type: 'string', default: join(root, 'dist/images') },
    packages: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    compress: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const usage = `npm run image -- [options]      builds an image of Debian for arm64 with the Dunlin agent in it; needs root
  --variant NAME     ${variants.map(one => `${one.name}: ${one.about}`).join('; ')}; all: each of them
  --target FOLDER    where the images go (dist/images)
  --packages FOLDER  takes our packages from there; without it they are made from this checkout
  --fresh            fetches Debian's packages anew (a quarter of an hour)
  --compress         makes a .zst beside each image
`
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const wanted = variants.filter(one => values.variant === 'all' || one.name === values.variant)
if (wanted.length === 0) {
  process.stderr.write(
    `error: there is no variant "${values.variant}"; expected ${variants.map(one => one.name).join(', ')} or all\n`,
  )
  process.exit(2)
}

const began = performance.now()
const say = (text: string): void => {
  process.stdout.write(`${`${((performance.now() - began) / 1000).toFixed(1)}s`.padStart(8)}  ${text}\n`)
}

const seconds = Number(
  process.env['SOURCE_DATE_EPOCH'] ??
    execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8' }),
)
try {
  if (process.getuid?.() !== 0) throw new Error('an image’s files belong to root: run this as root')
  if (values.packages === undefined) say('making our packages')
  const packages =
    values.packages === undefined
      ? await makeOwnPackages(join(values.target, 'packages'), seconds)
      : findOwnPackages(values.packages)
  for (const variant of wanted) {
    const image = await buildImage({
      variant,
      packages,
      target: values.target,
      source: readAptSource(),
      seconds,
      fresh: values.fresh,
      say,
    })
    if (values.compress) await compressImage(image, say)
  }
} catch (error) {
  process.stderr.write(`error: ${describeError(error)}\n`)
  process.exit(1)
}
