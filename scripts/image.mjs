/** npm run image: brings what builds images for ARM and builds one under the pinned Node. Needs root and Debian. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forImages, forPackages } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian({ ...forPackages, ...forImages })
process.exit(
  spawnSync(pinnedNode(), [`${root}scripts/image/main.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1,
)
