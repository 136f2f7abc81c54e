/** npm run power-cuts: sets up what boots an image and cuts the power of one, again and again. Half an hour; needs root. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forEmulator, forImages } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian({ ...forImages, ...forEmulator })
process.exit(
  spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', `${root}test/image/power-cut-main.ts`, ...process.argv.slice(2)], {
    stdio: 'inherit',
  }).status ?? 1,
)
