/** npm run packages: brings the npm packages and packs under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forPackages } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian(forPackages)
process.exit(
  spawnSync(pinnedNode(), [`${root}scripts/packages/main.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1,
)
