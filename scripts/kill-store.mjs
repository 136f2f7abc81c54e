/** npm run kill-store: kills the store again and again under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
process.exit(spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', `${root}bench/kill-store/run.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
