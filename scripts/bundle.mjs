/** npm run bundle: brings the packages and bundles the agent under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
process.exit(spawnSync(pinnedNode(), [`${root}scripts/bundle.ts`], { stdio: 'inherit' }).status ?? 1)
