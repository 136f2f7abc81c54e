import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { inventoryLabels, readInventory } from '../../../src/agent/node/inventory.ts'
import { labelValue } from '../../../src/agent/node/label-value.ts'

const folder = async (t: { teardown(act: () => Promise<void>): void }) => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-inventory-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  return root
}

t.test('the machine is asked once a boot', async t => {
  const runFolder = await folder(t)
  const path = join(runFolder, 'inventory.json')
  const first = await readInventory({ runFolder, bootId: 'boot-1' })
  t.type(first.cpu, 'string')
  const changed = { ...first, cpu: 'kept' }
  await writeFile(path, JSON.stringify({ format: 1, bootId: 'boot-1', inventory: changed }))
  t.equal((await readInventory({ runFolder, bootId: 'boot-1' })).cpu, 'kept')
  t.equal((await readInventory({ runFolder, bootId: 'boot-2' })).cpu, first.cpu)
  await writeFile(path, '{ torn')
  t.equal((await readInventory({ runFolder, bootId: 'boot-2' })).cpu, first.cpu)
  t.match(JSON.parse(await readFile(path, 'utf8')), { format: 1, bootId: 'boot-2' })
})

t.test('labels say what the firmware says, as label values', async t => {
  t.strictSame(
    inventoryLabels({
      manufacturer: 'Raspberry Pi Foundation',
      model: '',
      cpu: ' (ARM) Cortex-A72®',
      disks: [{ name: 'mmc', type: 'SD', bytes: 1 }],
    }),
    { 'dunlin.io/manufacturer': 'Raspberry-Pi-Foundation', 'dunlin.io/cpu': 'ARM-Cortex-A72', 'dunlin.io/disk': 'SD' },
  )
  t.match(labelValue('x'.repeat(100)), /^x{63}$/)
})
