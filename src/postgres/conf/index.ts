// postgresql.conf: read as the server reads it, changed without touching anything else.
export { parseConf, printConf, valueBytes } from './document.ts'
export type { ConfDocument, ConfEntry, ConfSyntaxError, Span } from './document.ts'
export { readConfiguration, sameName, withFile } from './configuration.ts'
export type { ConfError, ConfErrorCode, Configuration, ConfigurationFile, ConfigurationOptions, Effective, FileSource, ListedFile, Place, SettingLine } from './configuration.ts'
export { applyChange, applyEdit, changedFiles, invertEdit, planSetting, planSettings, removeSetting } from './plan.ts'
export type { Change, FileEdit } from './plan.ts'
export { quoteValue } from './quote.ts'
