/** npm run test:image: brings what builds and boots an image, and does both under the pinned Node. Minutes; needs root. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forEmulator, forImages, forPackages } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian({ ...forPackages, ...forImages, ...forEmulator })
process.exit(
  spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', `${root}test/image/main.ts`, ...process.argv.slice(2)], {
    stdio: 'inherit',
  }).status ?? 1,
)
