import { Fault } from '../api/fault.ts'

const formats = ['json', 'yaml', 'name', 'wide'] as const
export type OutputFormat = (typeof formats)[number] | undefined

/** @throws Fault BadRequest that lists the formats there are */
export const outputFormat = (text: string | undefined): OutputFormat => {
  if (text === undefined) return undefined
  const format = formats.find(one => one === text)
  if (format === undefined) throw new Fault('BadRequest', `-o ${text} is not known; there are: ${formats.join(', ')}`)
  return format
}

/** Whether the format shows whole objects rather than rows. */
export const isWholeFormat = (format: OutputFormat): format is 'json' | 'yaml' | 'name' =>
  format === 'json' || format === 'yaml' || format === 'name'

/** The value as JSON or YAML text that ends in a newline. */
export const formatValue = async (value: unknown, format: string): Promise<string> => {
  if (format === 'json') return `${JSON.stringify(value, null, 4)}\n`
  const { formatYaml } = await import('../api/yaml.ts')
  return formatYaml(value)
}
