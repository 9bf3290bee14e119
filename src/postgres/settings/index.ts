// What the server's settings are in each major version, and how their values are read.
export { settingName } from './names.ts'
export { nearestNames } from './nearest.ts'
export { NEWEST_MAJOR, OLDEST_MAJOR, settingInfo, settingNames } from './info.ts'
export type { SettingContext, SettingInfo, SettingType } from './info.ts'
export { parseValue, sameValue } from './values.ts'
export type { ParsedValue } from './values.ts'
export { splitDirectories, splitIdentifiers } from './strings.ts'
