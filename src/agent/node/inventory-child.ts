import { cpu, diskLayout, system } from 'systeminformation'

/*
 * A process of its own: systeminformation starts programs and keeps what it loads, which the agent must not carry.
 * Prints one JSON object and leaves.
 */
const [machine, processor, disks] = await Promise.all([system(), cpu(), diskLayout()])

process.stdout.write(
  JSON.stringify({
    manufacturer: machine.manufacturer,
    model: machine.model,
    cpu: `${processor.manufacturer} ${processor.brand}`.trim(),
    disks: disks.slice(0, 8).map(disk => ({ name: disk.name, type: disk.type, bytes: disk.size ?? 0 })),
  }),
)
