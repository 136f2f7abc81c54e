import { fileURLToPath } from 'node:url'
import { bundleAgent } from './agent-bundle.ts'

/** npm run bundle: what ships to a device, in dist/. */
const target = fileURLToPath(new URL('../dist/agent', import.meta.url))
await bundleAgent(target)
process.stdout.write(`the agent is bundled in ${target}\n`)
