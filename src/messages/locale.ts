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

/**
 * Replaces `{name}` by the parameter of that name, and `{name|one|many}` by `one` where that parameter is 1, else by
 * `many`. A name without a parameter stays, so that it is seen.
 */
export function fill(template: string, params: Readonly<Record<string, string | number | boolean>>): string {
  return template.replace(/\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    if (!Object.hasOwn(params, name)) return whole
    if (one === undefined || many === undefined) return String(params[name])
    return Number(params[name]) === 1 ? one : many
  })
}

/** Whether the parameters fill every name of the template. */
export function fills(template: string, params: Readonly<Record<string, string | number | boolean>>): boolean {
  return [...template.matchAll(/\{(\w+)[|}]/g)].every(([, name]) => Object.hasOwn(params, name!))
}
