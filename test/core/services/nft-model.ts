import type { Installed } from '../../../src/core/services/elements.ts'
import { eachMap } from '../../../src/core/services/elements.ts'
import type { MapName } from '../../../src/core/services/ruleset.ts'

/**
 * What nft does with our batches, and no more: as strict as it is. A value is not overwritten, what is absent is not deleted,
 * nothing that is referred to goes away.
 *
 * @throws {Error} where nft would refuse the batch
 */
export const applyBatch = (installed: Installed, text: string): Installed => {
  const maps = eachMap(name => new Map(installed.maps[name]))
  const chains = new Map([...installed.chains].map(([name, rules]) => [name, [...rules]]))
  const clientSets = new Map(installed.clientSets)
  const refuse = (line: string, why: string): never => {
    throw new Error(`${why}: ${line}`)
  }
  const mapOf = (line: string, name: string): Map<string, string> =>
    Object.hasOwn(maps, name) ? maps[name as MapName] : refuse(line, 'no such map')

  for (const line of text.split('\n').filter(one => one !== '')) {
    const element = /^(add|delete) element ip dunlin (\S+) \{ (.*) \}$/.exec(line)
    const [verb, what, , , name = '', ...rest] = line.split(' ')
    if (element !== null) {
      const map = mapOf(line, element[2] ?? '')
      for (const one of (element[3] ?? '').split(', ')) {
        const [key = '', value = ''] = one.split(' : ')
        if (element[1] === 'delete') map.delete(key) || refuse(line, `no element ${key}`)
        else if (map.has(key) && map.get(key) !== value) refuse(line, `element ${key} is there`)
        else if (value.startsWith('goto to-') && !chains.has(value.slice(5))) refuse(line, `no chain ${value}`)
        else map.set(key, value)
      }
    } else if (verb === 'add' && what === 'set') clientSets.set(name, Number(/timeout (\d+)s/.exec(line)?.[1]))
    else if (verb === 'add' && what === 'chain') chains.set(name, chains.get(name) ?? [])
    else if (verb === 'flush' && what === 'chain')
      chains.has(name) ? chains.set(name, []) : refuse(line, 'no such chain')
    else if (verb === 'add' && what === 'rule') {
      const rule = rest.join(' ')
      for (const [, set = ''] of rule.matchAll(/@(to-\S+)/g)) if (!clientSets.has(set)) refuse(line, `no set ${set}`)
      chains.get(name)?.push(rule) ?? refuse(line, 'no such chain')
    } else if (verb === 'delete' && what === 'chain') {
      const isUsed = Object.values(maps).some(map => [...map.values()].includes(`goto ${name}`))
      if (isUsed || !chains.delete(name)) refuse(line, 'chain is in use or absent')
    } else if (verb === 'delete' && what === 'set') {
      const isUsed = [...chains.values()].some(rules => rules.some(rule => rule.includes(`@${name} `)))
      if (isUsed || !clientSets.delete(name)) refuse(line, 'set is in use or absent')
    } else refuse(line, 'not understood')
  }
  return { maps, chains, clientSets }
}
