/** npm run hostile: sets up what the attacks need and runs them under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
process.exit(spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', `${root}bench/hostile/run.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
