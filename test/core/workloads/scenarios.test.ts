import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { aDeploymentValue, FleetOfValues } from './fleet-of-values.ts'

/*
 * Each file in scenarios/ is a story: a line that begins with `>` is what happens, the lines below it are what is done
 * about it, round by round, until nothing more is done; then how the Deployment describes itself.
 */
const folder = new URL('./scenarios/', import.meta.url)

const retold = (text: string): string => {
  let world = new FleetOfValues(aDeploymentValue())
  const lines: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) lines.push(line)
    if (!line.startsWith('>')) continue
    const words = line.slice(1).trim().split(' ')
    if (words[0] === 'start') {
      const [, replicas = '', image = '', , maxSurge = '', , maxUnavailable = ''] = words
      const sizes = { maxSurge: sized(maxSurge), maxUnavailable: sized(maxUnavailable) }
      world = new FleetOfValues(aDeploymentValue({ replicas: Number(replicas), progressDeadlineSeconds: 100 }))
      world.setImage(image)
      world.change({
        strategy: maxSurge === '' ? { type: 'Recreate' } : { type: 'RollingUpdate', rollingUpdate: sizes },
      })
    } else happens(world, words)
    lines.push('', line, ...rounds(world), describe(world))
  }
  return `${lines.join('\n')}\n`
}

const sized = (text: string): number | string => (text.endsWith('%') ? text : Number(text))

const happens = (world: FleetOfValues, [what = '', value = '']: readonly string[]): void => {
  if (what === 'image') world.setImage(value)
  else if (what === 'replicas') world.change({ replicas: Number(value) })
  else if (what === 'pause') world.change({ paused: true })
  else if (what === 'resume') world.change({ paused: false })
  else if (what === 'wait') world.now += Number(value) * 1000
  else throw new Error(`nobody knows what happens at ${what}`)
}

const rounds = (world: FleetOfValues): readonly string[] => {
  const lines: string[] = []
  for (let round = 1; round < 50; round += 1) {
    world.now += 1000
    const parts = [world.runNodes(), world.runDeployment(), world.runReplicaSets(), world.runDeployment()].flat()
    world.refresh()
    if (parts.length === 0) break
    lines.push(`  ${round}: ${parts.join(', ')}`)
  }
  world.runDeployment()
  return lines
}

const describe = ({ deployment: { status, spec } }: FleetOfValues): string => {
  const progress = status?.conditions?.find(one => one.type === 'Progressing')
  const available = status?.conditions?.find(one => one.type === 'Available')
  return `  = ${status?.updatedReplicas}/${spec?.replicas} updated, ${status?.availableReplicas} available, ${available?.reason}, ${progress?.reason}`
}

for (const file of readdirSync(folder).filter(name => name.endsWith('.txt'))) {
  t.test(file.replace('.txt', '').replaceAll('-', ' '), async t => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    t.equal(retold(text), text)
  })
}
