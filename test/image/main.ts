import { execFileSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeError } from '../../src/api/fault.ts'
import { version } from '../../src/lib/version.ts'
import { agentLife } from './agent-life.ts'
import { inspectAppliance } from './appliance.ts'
import { firstBoot, operatorSees } from './first-boot.ts'
import { openLab } from './lab.ts'
import { openRecord } from './record.ts'

/*
 * npm run test:image -- [--image FILE] [--short]: boots the generic image in QEMU against a hub of this checkout.
 * `--short` ends when the pod runs and an operator has seen it.
 *
 *   image (built, or given) ─> card with token and container image ─> QEMU ─> joins ─> Ready ─> pod Running ─> kubectl
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    image: { type: 'string' },
    packages: { type: 'string', default: join(root, 'dist/images/packages') },
    memory: { type: 'string', default: '1024' },
    short: { type: 'boolean', default: false },
    folder: { type: 'string', default: join(root, 'dist/image-test') },
  },
})

const node = 'card-1'
const record = openRecord('npm run test:image')
const image = values.image ?? join(root, `dist/images/dunlin_${version}_generic_arm64.img`)
if (values.image === undefined) {
  record.say('npm run image')
  execFileSync(process.execPath, [join(root, 'scripts/image/main.ts')], { stdio: 'inherit' })
}
if (!existsSync(image)) throw new Error(`there is no image ${image}`)
const lab = await openLab(values.folder)
let machine: Awaited<ReturnType<typeof firstBoot>> | undefined
try {
  machine = await firstBoot({
    lab,
    record,
    image,
    node,
    disk: card => [
      '-drive',
      `file=${card},format=raw,if=none,id=d0,cache=writeback`,
      '-device',
      'virtio-blk-pci,drive=d0',
    ],
    memoryMebibytes: Number(values.memory),
    cardBytes: 8 * 1024 ** 3,
  })
  await operatorSees({ lab, record, node })
  if (!values.short) await inspectAppliance(machine, record)
  if (!values.short)
    await agentLife({
      machine,
      record,
      packages: values.packages,
      work: join(lab.folder, 'next'),
      isReady: async () => /^\S+\s+Ready\s/m.test(await lab.kubectl(['get', 'nodes', '--no-headers'])),
    })
  if (!values.short) await operatorSees({ lab, record, node })
  await machine.powerOff(120)
} catch (error) {
  record.check('the run went to its end', false, describeError(error))
} finally {
  await machine?.cut()
  await lab.close()
}
const consoleLog = join(lab.folder, `${node}-console.log`)
if (existsSync(consoleLog)) cpSync(consoleLog, join(root, 'bench/results/image-console.log'))
record.say(record.broken.length === 0 ? 'everything holds' : `${record.broken.length} things do not hold`)
process.stdout.write(`the record is ${record.write('image-boot.log')}\n`)
process.exit(record.broken.length === 0 ? 0 : 1)
