import type { Locale } from '../messages/locale.ts'
import type { Style } from '../report/style.ts'

/** The stream that is drawn on, and what is known of where it ends. */
export interface StyleFacts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number }
  readonly locale: Locale
  /** False for --no-color. */
  readonly colour?: boolean
}

const WIDTH = { usual: 80, least: 40, most: 100 }

/**
 * How to draw on a stream. Colour only on a terminal, unless FORCE_COLOR asks for it; NO_COLOR and --no-color win over
 * everything (https://no-color.org). Lines are not longer than 100 columns however wide the window, because they are read.
 */
export function styleOf({ env, stream, locale, colour }: StyleFacts): Style {
  const isTTY = stream.isTTY === true
  const { columns } = stream
  const width = isTTY && columns !== undefined && columns > 0 ? Math.min(Math.max(columns, WIDTH.least), WIDTH.most) : WIDTH.usual
  // Chinese needs more than ASCII anyway.
  return { colour: colourLevel(env, isTTY, colour), unicode: locale === 'zh-TW' || showsUnicode(env), width, locale }
}

function colourLevel(env: StyleFacts['env'], isTTY: boolean, colour: boolean | undefined): Style['colour'] {
  if (colour === false || (env['NO_COLOR'] ?? '') !== '') return 0
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) {
    if (forced === '0' || forced === 'false') return 0
    return forced === '2' ? 2 : forced === '3' ? 3 : 1
  }
  return isTTY && env['TERM'] !== 'dumb' ? 1 : 0
}

function showsUnicode(env: StyleFacts['env']): boolean {
  // The Linux console has a font of 512 glyphs.
  if (env['TERM'] === 'linux') return false
  // Windows has no locale in its environment; its older console has neither the font nor the code page.
  if (env['OS'] === 'Windows_NT') return ['WT_SESSION', 'TERM_PROGRAM', 'ConEmuTask'].some((name) => env[name] !== undefined) || /^xterm/.test(env['TERM'] ?? '')
  const encoding = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '') ?? ''
  return /utf-?8/i.test(encoding)
}
