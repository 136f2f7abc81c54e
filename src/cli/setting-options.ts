import type { SettingsTable } from '../lib/settings.ts'
import type { Option } from './command.ts'

/**
 * A program's settings as options of its command: flags, each also an environment variable and a line of its YAML file.
 *
 * @example settingOptions(hubSettings).find(one => one.name === 'port')
 */
export const settingOptions = (table: SettingsTable): readonly Option[] =>
  Object.values(table).map(setting => ({
    name: setting.name,
    value: setting.name.toUpperCase().replaceAll('-', '_'),
    ...(setting.isList === true ? { many: true } : {}),
    help: `${setting.about}${setting.fallback === undefined || setting.fallback === '' || (Array.isArray(setting.fallback) && setting.fallback.length === 0) ? '' : ` Default: ${String(setting.fallback)}.`}`,
  }))
