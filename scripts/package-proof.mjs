/** npm run test:packages: brings what it needs and proves the packages under the pinned Node. */
import { spawnSync } from 'node:child_process'
import { ensureDebian, forPackages } from './setup-debian.mjs'
import { ensurePackages, pinnedNode, root } from './setup-npm.mjs'

ensurePackages()
ensureDebian({
  ...forPackages,
  mmdebstrap: '/usr/bin/mmdebstrap',
  'arch-test': '/usr/bin/arch-test',
  'qemu-user-static': '/usr/bin/qemu-arm-static',
  python3: '/usr/bin/python3',
})
process.exit(
  spawnSync(pinnedNode(), [`${root}scripts/package-proof/main.ts`, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1,
)
