export const LOCALES = ['en', 'zh-TW'] as const
export type Locale = (typeof LOCALES)[number]

/**
 * The language for a run: `--lang`, else LC_ALL, LC_MESSAGES, LANG in POSIX order, else English.
 * Every Chinese locale of the Traditional script reads zh-TW (`zh_TW`, `zh_HK`, `zh-Hant`).
 */
export function chooseLocale(asked: string | undefined, env: Readonly<Record<string, string | undefined>>): Locale {
  const wanted = asked ?? [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find((value) => value !== undefined && value !== '') ?? ''
  return /^zh[-_](tw|hk|mo|hant)/i.test(wanted) ? 'zh-TW' : 'en'
}

/** Replaces `{name}` by the parameter of that name. A name without a parameter stays, so that it is seen. */
export function fill(template: string, params: Readonly<Record<string, string | number | boolean>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}
