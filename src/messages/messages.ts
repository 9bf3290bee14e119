import { en, type Messages } from './en.ts'
import type { Locale } from './locale.ts'
import { zhTW } from './zh-tw.ts'

export type { Messages } from './en.ts'

const CATALOGUES: Readonly<Record<Locale, Messages>> = { en, 'zh-TW': zhTW }

/** The words of a language. */
export function messages(locale: Locale): Messages {
  return CATALOGUES[locale]
}

/** The words for a code that comes as data: undefined where the catalogue has none. */
export function wordsFor<T>(table: Readonly<Record<string, T>>, code: string): T | undefined {
  return Object.hasOwn(table, code) ? table[code] : undefined
}

/** What is wrong with a file; what nobody has words for stays as it is. */
export function problemWords(code: string, locale: Locale): string {
  return wordsFor(messages(locale).problems, code) ?? code
}
