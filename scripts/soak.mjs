/** npm run soak: sets up what the soak needs and runs it under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forAgent, forTests } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian({ ...forAgent, ...forTests })
process.exit(spawnSync(pinnedNode(), ['--disable-warning=ExperimentalWarning', `${root}bench/soak/main.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
